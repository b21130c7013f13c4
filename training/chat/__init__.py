"""What the chat model is taught, how the data is made, and the exam that it has to pass."""
