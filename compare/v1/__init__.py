"""`/v1`: the models of the page for whatever speaks OpenAI's protocol. No gradio, no torch."""
