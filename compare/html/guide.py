"""guide.md as values: ideas, what sets up the page to try them, and the code that does it."""

from __future__ import annotations

import ast
import contextlib
import re
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

FILE = Path(__file__).parents[1] / "guide.md"
CHECKPOINTS = FILE.parents[1] / "checkpoints"
NINETEEN = 19  # ideas of the first part, which a milestone counts
_HEADING = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)
_PART = re.compile(r"^# (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")
_PARTS = re.compile(r"\n\n\*\*Try it:\*\* (?P<try>.+)\n\n\*In the code:\* (?P<code>.+)", re.DOTALL)


@dataclass(frozen=True)
class Try:
    """A link of the guide: what the page should show."""

    label: str
    asks: dict[str, str]  # the query of the address

    @property
    def tab(self) -> str:
        return self.asks["tab"]


@dataclass(frozen=True)
class Idea:
    number: int
    title: str
    part: str  # of the guide: the heading above
    text: str  # Markdown
    hint: str  # what to try and what to look for; Markdown, its links by number: {0}, {1}
    tries: tuple[Try, ...]
    symbol: str  # `Class.method` or `function`
    path: str  # its file, from the root of the project

    @property
    def models(self) -> set[str]:
        """That its tries ask for by name."""
        return {attempt.asks["model"] for attempt in self.tries if "model" in attempt.asks}

    @property
    def slug(self) -> str:
        return "-".join(re.findall(r"[a-z]+", self.title.lower()))


@cache
def ideas() -> tuple[Idea, ...]:
    """Those that can be tried here: the models of their tries ship."""
    return tuple(idea for idea in written() if all(map(_ships, idea.models)))


def _ships(model: str) -> bool:
    return (CHECKPOINTS / model / "config.json").is_file()


def written() -> tuple[Idea, ...]:
    """All that the guide has."""
    first, *parts = _HEADING.split(FILE.read_text(encoding="utf-8"))
    heading, found = _PART.findall(first)[0], []
    for number, title, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        found.append(_idea(int(number), title, heading, body))
        heading = next(iter(_PART.findall(body)), heading)
    return tuple(found)


def find(slug: str) -> Idea | None:
    return next((idea for idea in ideas() if idea.slug == slug), None)


def inline(markdown: str) -> str:
    """The little Markdown that the guide uses, as HTML: emphasis and code."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(markdown, quote=False))
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)


def _idea(number: int, title: str, part: str, body: str) -> Idea:
    body = body.split("\n# ")[0]  # the heading of the next part is not ours
    found = _PARTS.search(body)
    if found is None:
        raise ValueError(f"guide.md, {title}: a paragraph, **Try it:** and *In the code:* belong")
    tries = tuple(
        Try(label, dict(parse_qsl(urlsplit(address).query)))
        for label, address in _LINK.findall(found["try"])
    )
    ((symbol, path),) = _LINK.findall(found["code"])
    numbers = iter(range(len(tries)))
    hint = _LINK.sub(lambda link: f"{{{next(numbers)}}}", found["try"])
    return Idea(
        number,
        title,
        part,
        _one_line(body[: found.start()]),
        _one_line(hint),
        tries,
        symbol.strip("`"),
        path.removeprefix("../"),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


@cache
def source(path: str, symbol: str) -> tuple[int, str]:
    """First line and text of a class or function, found by name, so that it never drifts."""
    file = FILE.parents[1] / path
    text = file.read_text(encoding="utf-8")
    node = _parse(text)
    for name in symbol.split("."):
        node = _child(node, name, f"{path} has no {symbol}")
    assert isinstance(node, (ast.ClassDef, ast.FunctionDef))
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    return first, "\n".join(text.splitlines()[first - 1 : node.end_lineno])


def _parse(text: str) -> ast.AST:
    """Python 3.11 counts the depth for all threads together, and one may disturb another."""
    for _ in range(9):
        with contextlib.suppress(SystemError):
            return ast.parse(text)
    return ast.parse(text)


def _child(node: ast.AST, name: str, otherwise: str) -> ast.AST:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef)) and child.name == name:
            return child
    raise LookupError(otherwise)
