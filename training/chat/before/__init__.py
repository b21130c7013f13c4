"""The maker and the exam of the chat model that ships until the new one does; then this goes."""
