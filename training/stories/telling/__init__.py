"""How stories are told: one by one, by number."""
