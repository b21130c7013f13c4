"""The strip under the title: which idea is being tried, what to do, and the way to the next."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from compare.html import guide
from compare.html.guide import Idea, Try, inline


def address(attempt: Try, idea: Idea) -> str:
    """The link of a try on this page; it carries its idea, and so the strip."""
    return "?" + urlencode({**attempt.asks, "idea": idea.slug})


def link(attempt: Try, idea: Idea) -> str:
    where = escape(address(attempt, idea))
    return f"<a class='attempt' data-go href='{where}'>{escape(attempt.label)}</a>"


def html(idea: Idea | None) -> str:
    if idea is None:
        return ""
    ideas = guide.ideas()
    here = ideas.index(idea)
    hint = inline(idea.hint).format(*(link(attempt, idea) for attempt in idea.tries))
    back = _way("Back", ideas[here - 1], "back") if here else ""
    following = _way("Next", ideas[here + 1], "next") if here + 1 < len(ideas) else ""
    where = escape("?" + urlencode({"tab": "learn", "idea": idea.slug}))
    return (
        f"<nav class='strip' aria-label='Idea {idea.number} of {len(ideas)}' "
        f"data-idea='{idea.slug}'><p><b>Idea {idea.number} of {len(ideas)}: "
        f"<a data-go href='{where}'>{escape(idea.title)}</a></b> · {hint}</p>"
        f"<p class='ways'>{back}{following}"
        "<button type='button' class='plain' data-close>Close</button></p></nav>"
    )


def _way(word: str, idea: Idea, kind: str) -> str:
    where = escape(address(idea.tries[0], idea))
    return f"<a class='way {kind}' data-go href='{where}' title='{escape(idea.title)}'>{word}</a>"
