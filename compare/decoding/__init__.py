"""Many texts at once: each model's loop gives every active text its next token. No gradio."""
