"""Many texts at once: one loop a model gives every text under way its next token. No gradio."""
