"""What is shown about stories: whether one holds together, and how many of a model do."""
