"""Training: recipes, data, a Trainer and the commands around them. Nothing happens at import."""
