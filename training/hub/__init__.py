"""How a model gets to the Hub: looked at, copied, tried on a branch, committed, compared."""
