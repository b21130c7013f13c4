"""How to call the page from a program: with `submit`, with `predict` and over MCP."""

from __future__ import annotations

from html import escape

_SUBMIT = """from gradio_client import Client

page = Client("{url}")
job = page.submit("To be or not to be", api_name="/generate")
for so_far in job:  # the text as it grows; the last message says why it ended
    print(so_far["text"])"""
_PREDICT = """from gradio_client import Client

page = Client("{url}")
print(page.predict("To be or not to be", api_name="/generate")["text"])
print(page.predict("To be or not to b", api_name="/next_tokens")["entries"][:3])
print(page.predict(api_name="/models"))"""
_MCP = """{{"mcpServers": {{"tinygpt": {{"url": "{url}gradio_api/mcp/"}}}}}}"""
_PARTS = (
    ("submit: the text while it is written", _SUBMIT),
    ("predict: the answer in one piece, when it is finished", _PREDICT),
    ("MCP: the same questions as tools, for a client such as an editor", _MCP),
)


def api_html(url: str) -> str:
    """Shown when its link in the footer is pressed."""
    parts = "".join(
        f"<h4>{escape(title)}</h4><pre tabindex='0' aria-label='{escape(title)}'>"
        f"{escape(code.format(url=url))}</pre>"
        for title, code in _PARTS
    )
    return (
        f"<section class='api'><h3>Call this page from a program</h3>{parts}"
        "<p class='fine'>Only submit shows a text while it is written. predict and MCP tools "
        "answer in one piece, because Gradio hands on the last message only.</p></section>"
    )
