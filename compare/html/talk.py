"""A talk as HTML: who said what, whose story it is, and where the model's memory begins."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from compare.html import coherence

# A message: `role` and `content`; of a story `holds`, what was found in it, and `by`, who wrote it
# where that was not the one that is talked with.
Turn = dict[str, Any]
Talk = list[Turn]
EMPTY = "<p class='state'>Ask something, or take one of the questions below.</p>"


def transcript(talk: Sequence[Turn], forgotten: int = 0, busy: bool = False) -> str:
    """The talk, with a line where the model's memory begins."""
    if not talk:
        return EMPTY
    lines = []
    for number, turn in enumerate(talk):
        if forgotten and number == forgotten:
            lines.append("<li class='memory'>Here its memory begins: the window holds no more</li>")
        lines.append(_line(turn))
    turns = sum(turn["role"] == "assistant" and "by" not in turn for turn in talk)
    done = " data-done='chat'" if turns >= 3 and not busy else ""
    return (
        f"<div class='talk' tabindex='0' role='log' aria-label='The talk' "
        f"aria-busy='{str(busy).lower()}'{done}><ol>{''.join(lines)}</ol></div>"
    )


def _line(turn: Turn) -> str:
    who, by, found = "You" if turn["role"] == "user" else "It", turn.get("by"), turn.get("holds")
    wrote = f"<p class='fine'>{escape(by)} wrote this story. Ask about it.</p>" if by else ""
    return (
        f"<li class='{turn['role']}'><span class='unseen'>{who}: </span>"
        f"{coherence.marked(turn['content'], found)}{coherence.line(found)}{wrote}</li>"
    )
