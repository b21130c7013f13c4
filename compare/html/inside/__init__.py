"""Pictures of a model's inside: its path, its layers, who caused a word, and where it looks."""
