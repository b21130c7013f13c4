"""How stories are spoilt, to see whether the checker notices."""
