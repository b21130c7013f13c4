"""What is shown before anything ran, and the commands that record it."""
