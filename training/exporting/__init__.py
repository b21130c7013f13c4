"""How a model leaves: for other programs, as files that need none of our code."""
