"""`/v1`: the page's models for any client of OpenAI's protocol. No gradio, no torch."""
