"""Plain values in, markup out. No torch."""
