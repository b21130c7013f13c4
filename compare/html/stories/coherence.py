"""Whether a story holds together, as a line under it; where it does not, the sentence is marked."""

from __future__ import annotations

from html import escape

from compare.values import Coherence

_WHO = (
    "A program that knows the world of these stories has read this one. It looks for what cannot "
    "be: a thing in two places, or someone who was never named."
)
_SAYS = {"holds": "holds together", "so far": "so far it holds together"}


def line(found: Coherence | None) -> str:
    """What was found; nothing where there was no story to read."""
    if found is None:
        return ""
    kind = found.verdict.split()[0]
    return f"<p class='holds {kind}' title='{escape(_WHO)}'>{escape(says(found))}</p>"


def says(found: Coherence) -> str:
    if found.verdict != "fails":
        return _SAYS[found.verdict]
    where = " (in the prompt)" if found.asked else ""
    return f"does not hold together{where}: {found.reason}"


def marked(text: str, found: Coherence | None, before: int = 0) -> str:
    """A part of the text, escaped, with the sentence marked that cannot be; `before` letters of the
    whole stand in front of it."""
    if found is None or found.verdict != "fails":
        return escape(text)
    start, end = max(0, found.start - before), max(0, found.end - before)
    if start >= len(text) or end <= start:
        return escape(text)
    wrong = f"<mark>{escape(text[start:end])}</mark>"
    return f"{escape(text[:start])}{wrong}{escape(text[end:])}"
