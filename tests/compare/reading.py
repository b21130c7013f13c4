"""How hard the page is to read: its texts, and three figures about them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

from compare.html import guide

ROOT = Path(__file__).parents[2]
COMMON = 3_000  # of the commonest words of English
LONG = 20  # words; a sentence above is a long one
# Words of the field: each is explained in the guide or where it stands. And names.
GLOSSARY = set(Path(__file__).with_name("glossary.txt").read_text(encoding="utf-8").split())
_CODE = re.compile(r"<(pre|code|select|script|style)\b.*?</\1>", re.S)
_BLOCK = re.compile(r"</?(p|li|h\d|td|th|tr|summary|details|div|figcaption|caption|label)\b[^>]*>")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9'\u2019-]*")
# Regular forms of a common word are common: who knows `learn` reads `learns` and `learned`.
_ENDINGS = (("s", ""), ("es", ""), ("ies", "y"), ("d", ""), ("ed", ""), ("r", ""), ("er", ""))
_ENDINGS += (("st", ""), ("est", ""), ("ing", ""), ("ing", "e"), ("ly", ""), ("'s", ""))


@dataclass(frozen=True)
class Reading:
    """What a reader meets."""

    sentences: int
    words: int
    mean: float  # words a sentence
    long: float  # share of sentences above LONG
    rare: float  # share of words that are neither common nor of the glossary
    rarest: list[tuple[str, int]]
    longest: list[str]


def plain(markup: str) -> Iterator[str]:
    """The paragraphs of some HTML or Markdown."""
    text = _BLOCK.sub("\n", _CODE.sub(" ", markup))
    text = unescape(re.sub(r"<[^>]+>", " ", text))
    text = re.sub(r"\[([^]]+)\]\([^)]*\)|`[^`]*`|[*_]", lambda m: m[1] or " ", text)
    for paragraph in text.split("\n"):
        if len(_WORD.findall(paragraph)) > 2:
            yield " ".join(paragraph.split())


def of_guide() -> Iterator[str]:
    for idea in guide.ideas():
        yield from plain(idea.text)
        yield from plain(idea.hint.format(*(attempt.label for attempt in idea.tries)))


def of_page(config: dict[str, Any]) -> Iterator[str]:
    """What stands on the page when it opens; what a model or the guide wrote is left out."""
    for part in config["components"]:
        props = part["props"]
        if props.get("elem_id") in {"guide", "ladder", "time", "scored", "prompt", "strip"}:
            continue
        for name in ("label", "value", "placeholder", "info"):
            value = props.get(name)
            if isinstance(value, str) and "class='take" not in value:
                yield from plain(value)
        for choice in props.get("choices") or ():
            yield from plain(str(choice[0]))


def of_sentences() -> Iterator[str]:
    """What the page may say in answer: refusals, notices, states of a lesson."""
    for file in (ROOT / "compare").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "") or getattr(
                getattr(node, "func", None), "attr", ""
            )
            if (
                name in {"RefusedError", "notice", "say"}
                and isinstance(node, ast.Call)
                and node.args
            ):
                yield from plain(_literal(node.args[0]))


def _literal(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values
        )
    return ""


def _known(word: str, common: set[str]) -> bool:
    forms = {word} | {
        word.removesuffix(ending) + instead for ending, instead in _ENDINGS if word.endswith(ending)
    }
    forms |= {form[:-1] for form in forms if form[-1:] == form[-2:-1]}  # stopping, stopp, stop
    return bool(forms & common) or all(part in common for part in word.split("-"))


def measure(paragraphs: Iterable[str]) -> Reading:
    from wordfreq import top_n_list

    common = set(top_n_list("en", COMMON)) | GLOSSARY
    sentences = [
        sentence
        for paragraph in paragraphs
        for sentence in re.split(r"(?<=[.!?:])\s+", paragraph)
        if _WORD.search(sentence)
    ]
    lengths = [len(sentence.split()) for sentence in sentences]
    words = [
        word.lower().replace("\u2019", "'")
        for sentence in sentences
        for word in _WORD.findall(sentence)
    ]
    rare = [word for word in words if not _known(word, common)]
    return Reading(
        len(sentences),
        len(words),
        sum(lengths) / len(lengths),
        sum(length > LONG for length in lengths) / len(lengths),
        len(rare) / len(words),
        Counter(rare).most_common(80),
        [s for s, length in zip(sentences, lengths, strict=True) if length > LONG],
    )
