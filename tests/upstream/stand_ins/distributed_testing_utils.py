"""Not shipped."""
