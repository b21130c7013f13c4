"""Exports a model for other programs, as files that need none of our code."""
