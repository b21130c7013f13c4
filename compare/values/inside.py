"""What can be seen inside a model, and how it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Unit = Literal["letter", "token"]


@dataclass(frozen=True)
class Odds:
    """What may come next and how likely: all letters, or the likeliest tokens."""

    unit: Unit
    entries: list[tuple[str, float]]  # likeliest first
    sentence: str  # what is exact about it


@dataclass(frozen=True)
class Attention:
    """Where one head of one layer looks from each of the last tokens."""

    tokens: list[str]
    weights: list[list[float]]  # row = the token that looks
    unseen: int  # earlier tokens, which are not on the map


@dataclass(frozen=True)
class Layers:
    """What each layer would say after each of the last tokens, if it had the last word."""

    tokens: list[str]
    # Before the first layer and after each, for each token: the likeliest next ones, best first.
    guesses: list[list[list[tuple[str, float]]]]
    unseen: int  # earlier tokens, which are not shown


@dataclass(frozen=True)
class Shares:
    """The score of one next token as the sum of what each part of the model gave to it."""

    token: str
    against: str | None  # then each share is by how much more it gave to `token`
    score: float
    parts: list[tuple[str, float]]  # in the model's order; `without` takes these names
    number: int = 0  # of the token in the vocabulary
    other: int | None = None
    likely: list[tuple[int, str, float]] = field(default_factory=list)  # what else could come


@dataclass(frozen=True)
class Without:
    """The odds and the likeliest text, with a model as it is and with parts switched off."""

    parts: list[str]
    before: Odds
    after: Odds
    text_before: str
    text_after: str


@dataclass(frozen=True)
class Swapped:
    """The odds and the likeliest text of a prompt, of the same with one token swapped, and of that
    while some parts do as they did for the first."""

    parts: list[str]
    old: str  # the token that was there
    new: str
    odds: list[Odds]  # as it is, swapped, and with the parts as before, if any were named
    texts: list[str]


@dataclass(frozen=True)
class Step:
    """What one part of a model wrote to a token's vector."""

    part: str  # "embedding", "position", "block 0 attention", "block 0 mlp", ...
    length: float
    stream: float  # length of the vector from there on
    towards: list[float]  # what it gave to the score of each likely next token
    vector: list[float] = field(default_factory=list)  # its first numbers
    guess: str = ""  # what the model would say next if it ended here
    sure: float = 0.0


@dataclass(frozen=True)
class Path:
    """The way of a token's vector through the model."""

    tokens: list[str]  # the last ones of the text
    at: int  # which of them goes this way
    unseen: int  # earlier tokens, which are not shown
    number: int  # of the token in the vocabulary
    next: list[tuple[str, float]]  # the likeliest next tokens and their odds
    steps: list[Step]
    heads: int  # of a layer; 0 where all tokens weigh the same

    @property
    def token(self) -> str:
        return self.tokens[self.at]


@dataclass(frozen=True)
class HeadLine:
    """One head of a layer in a line."""

    head: int
    share: float  # what it gave to the score of the likeliest next token
    looks_at: str
    weight: float


@dataclass(frozen=True)
class Weighed:
    """One token that is looked at, and how it got its weight."""

    token: str
    score: float  # query · key / √width
    bias: float | None  # for the distance
    weight: float


@dataclass(frozen=True)
class HeadSteps:
    """One head, worked through: softmax(QKᵀ/√d + bias)·V for one token."""

    layer: int
    head: int
    width: int
    asks: str  # the token that looks
    rows: list[Weighed]  # the tokens that got most, in the order of the text
    others: int  # that many more tokens are in reach ...
    rest: float  # ... and have this weight together
    highest: float  # the largest sum of score and bias
    query: list[float]
    key: list[float]  # of the token that got most
    value: list[float]
    mixed: list[float]  # all values by their weights
    most: str  # the token that got most


@dataclass(frozen=True)
class Opened:
    """One part of the way, opened."""

    part: str
    up: list[tuple[str, float]]  # the tokens whose scores it raised most
    down: list[tuple[str, float]]
    vector: list[float] = field(default_factory=list)  # what it wrote
    heads: list[HeadLine] = field(default_factory=list)
    head: HeadSteps | None = None
    neurons: int = 0
    active: int = 0  # of them
    reach: int = 0  # tokens of which a mean is taken
    scores: list[tuple[str, float, float]] = field(default_factory=list)  # of the end: and odds
    temperature: float = 1.0


@dataclass(frozen=True)
class Heads:
    """Where every head of every layer looks from each of the last tokens."""

    tokens: list[str]
    # Layer, head, the token that looks, the one looked at; the last tokens of a long text only.
    weights: list[list[list[list[float]]]]
    unseen: int
    words: list[int] = field(default_factory=list)  # of each token the number of its word


@dataclass(frozen=True)
class Pronoun:
    """The head that best finds whom a pronoun means, and how well it does."""

    layer: int
    head: int
    score: float  # weight on the right one less that on the wrong one: -1 to 1
    right: int  # sentences in which the right one got more
    asked: int


@dataclass(frozen=True)
class Point:
    """One token of the embedding map and its nearest neighbours, by cosine, in the full space."""

    id: int
    label: str
    x: float  # both within -1 .. 1
    y: float
    near: list[tuple[str, float]]


class Insights(Protocol):
    """What the page asks about a model's inside: of `engine.inside.Inside` or of a fake.

    `back` counts tokens from the end of the prompt: 0 is the last one. Layers and heads count
    from 0, and parts are called as in `tinygpt_hf.inspecting`.
    """

    def shown(self, prompt: str) -> list[str]: ...
    def attention(self, prompt: str, layer: int, head: int) -> Attention: ...
    def lens(self, prompt: str) -> Layers: ...
    def path(self, prompt: str, back: int = 0, temperature: float = 1.0) -> Path: ...
    def opened(self, prompt: str, part: str, back: int = 0, temperature: float = 1.0) -> Opened: ...
    def parts(
        self, prompt: str, token: str | int = "", against: str | int = "", back: int = 0
    ) -> Shares: ...
    def heads(self, prompt: str) -> Heads: ...
    def pronoun(self) -> Pronoun | None: ...
    def without(
        self, prompt: str, parts: Sequence[str], new_tokens: int = 20, back: int = 0
    ) -> Without: ...
    def swapped(
        self, prompt: str, back: int, token: str, parts: Sequence[str], new_tokens: int = 20
    ) -> Swapped: ...
    def embedding_map(self, prompt: str) -> list[Point]: ...
