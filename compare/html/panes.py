"""The two panes as HTML. Everything that a model or a visitor wrote passes through `escape`.

They are handed to `gr.HTML` as a finished value, never through a template of its own: that would
run a `${...}` found in a text as a script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

from compare.html.stories import coherence
from compare.html.terms import term
from compare.values import Chunk, Coherence, Facts, Sampling, short

Side = Literal["left", "right"]
SIDES: tuple[Side, ...] = ("left", "right")  # each has its colour and shape in style.css
RECORDED = "recorded with seed"
_SIZE = term("parameters", "SIZE")  # the same in every pane, drawn many times a second
LONG_PROMPT = 300  # letters of a prompt above which only its end is shown


def notice(sentence: str) -> str:
    """One line about the last thing asked for, or nothing."""
    return f"<p role='status'>{escape(sentence)}</p>" if sentence else ""


@dataclass(frozen=True)
class Take:
    """One continuation in a pane."""

    chunk: Chunk
    seed: int
    recorded: bool = False
    coherence: Coherence | None = None  # of a story, with its prompt


@dataclass(frozen=True)
class Pane:
    """All that one side shows."""

    side: Side
    prompt: str = ""
    facts: Facts | None = None
    name: str = ""
    takes: Sequence[Take] = ()
    sentence: str = ""  # what this model is not
    notes: Sequence[str] = field(default_factory=tuple)  # about this text
    problem: str = ""  # instead of a text
    sampling: Sampling | None = None  # the settings that its code shows
    key: str = ""  # by which the roster knows it
    blind: bool = False  # who it is, is not shown

    def html(self) -> str:
        name = self.facts.name if self.facts and not self.blind else self.name
        blind = " blind" if self.blind else ""
        loads = not self.takes and bool(self.notes)
        busy = loads or any(take.chunk.stopped is None for take in self.takes)
        return (
            f"<section class='pane {self.side}{blind}' aria-labelledby='{self.side}-name'"
            f"{self._identity()}>"
            f"<header><span class='mark {self.side}' aria-hidden='true'></span>"
            f"<h2 id='{self.side}-name'>{escape(name)}</h2>{self._size()}{self._why()}</header>"
            f"<div class='out' tabindex='0' role='region' aria-label='Text of {escape(name)}' "
            f"aria-busy='{str(busy).lower()}'><div>{self._body()}</div></div>"
            f"{self._verdict()}<footer>{self._figures()}{self._copy()}{self._code()}</footer></section>"
        )

    def _identity(self) -> str:
        """For the address that the browser writes: who sits here, and which version of it."""
        if self.blind or not self.key:
            return ""
        commit = (self.facts.revision if self.facts else "") or ""
        return f" data-key='{escape(self.key)}' data-commit='{escape(commit)}'"

    def _size(self) -> str:
        if not self.facts:
            return ""
        revision = f" · {self.facts.revision[:7]}" if self.facts.revision else ""
        size = escape(f"{short(self.facts.parameters)} parameters{revision}")
        return f"<span class='size'>{_SIZE.replace('SIZE', size)}</span>"

    def _why(self) -> str:
        if not self.sentence or self.blind:
            return ""
        return (
            "<details class='why'><summary>not GPT-2</summary>"
            f"<p>{escape(self.sentence)}</p></details>"
        )

    def _body(self) -> str:
        if self.problem:
            return f"<p class='problem' role='status'>{escape(self.problem)}</p>"
        if not self.takes:
            return f"<p class='empty'>{'One moment.' if self.notes else 'Press Generate.'}</p>"
        several = len(self.takes) > 1
        return "".join(self._take(take, several) for take in self.takes)

    def _take(self, take: Take, several: bool) -> str:
        caret = "<span class='caret' aria-hidden='true'></span>" if not take.chunk.stopped else ""
        seed = f"<span class='seed'>seed {take.seed}</span>" if several else ""
        found = None if self.blind else take.coherence
        written = coherence.marked(take.chunk.text, found, len(self.prompt))
        return (
            f"<p class='take' dir='auto'>{seed}{self._folded(found)}"
            f"<span data-written>{written}</span>{caret}</p>"
            f"{coherence.line(found) if several else ''}"
        )

    def _verdict(self) -> str:
        """Of one text; each of several has its own under it."""
        one = self.takes[0] if len(self.takes) == 1 else None
        return "" if one is None or self.blind else coherence.line(one.coherence)

    def _folded(self, found: Coherence | None) -> str:
        """The prompt; of a long one the end, and the whole behind a press."""
        if len(self.prompt) <= LONG_PROMPT:
            return f"<span class='prompt'>{coherence.marked(self.prompt, found)}</span>"
        return (
            f"<details class='long'><summary>The prompt, {len(self.prompt):,} letters</summary>"
            f"<span class='prompt'>{escape(self.prompt)}</span></details>"
            f"<span class='prompt'>… {escape(self.prompt[-LONG_PROMPT // 2 :])}</span>"
        )

    def _figures(self) -> str:
        figures = list(self.notes)
        if self.takes and not self.blind:
            figures = [*self._speed(), *figures]
        return f"<p class='figures'>{'<i> · </i>'.join(map(escape, figures))}</p>"

    def _speed(self) -> list[str]:
        """Tokens a second, time to the first token and why it ended; of the slowest take."""
        if any(take.recorded for take in self.takes):
            return [f"{RECORDED} {self.takes[0].seed}", "Generate runs it live"]
        chunk = max((take.chunk for take in self.takes), key=lambda c: c.seconds)
        figures = []
        if chunk.rate:
            figures.append(f"{chunk.rate:,.0f} tokens/s")
        if chunk.first is not None:
            figures.append(f"first after {chunk.first * 1000:,.0f} ms")
        if chunk.stopped:
            figures.append(chunk.stopped)
        else:
            figures.append("writing" if chunk.tokens else "waiting for its turn")
        return figures

    def _copy(self) -> str:
        if not self.takes or self.problem:
            return ""
        return "<button type='button' class='plain copy' data-copy>Copy</button>"

    def _code(self) -> str:
        if self.facts is None or self.sampling is None:
            return ""
        code = escape(code_for(self.facts, self.prompt, self.sampling))
        return (
            "<details class='code'><summary>Code</summary>"
            f"<pre tabindex='0' aria-label='The same in Python'>{code}</pre></details>"
        )


def code_for(facts: Facts, prompt: str, sampling: Sampling) -> str:
    """A program that prints the prompt and its continuation."""
    where = f"{facts.source!r}"
    lines = ["import torch", "from transformers import AutoModelForCausalLM, AutoTokenizer"]
    if facts.revision:
        where += f", revision={facts.revision!r}"
    if facts.slides and facts.revision:
        where += ", trust_remote_code=True"
    elif facts.slides:
        lines.append("import tinygpt_hf  # so that transformers knows the model")
    lines += [
        "",
        f"tokenizer = AutoTokenizer.from_pretrained({where})",
        f"model = AutoModelForCausalLM.from_pretrained({where}, dtype=torch.float32)",
        f"prompt = {prompt!r}",
        "ids = tokenizer.encode(prompt, add_special_tokens=False, split_special_tokens=True)",
    ]
    if facts.opening is not None:
        lines.append(f"ids = [{facts.opening}, *ids]  # its texts begin with this token")
    if not sampling.greedy:
        lines.append(f"torch.manual_seed({sampling.seed})")
    settings = {**sampling.for_generate(), "max_new_tokens": sampling.max_new_tokens}
    lines += [
        "output = model.generate(",
        "    torch.tensor([ids]),",
        *(f"    {name}={value!r}," for name, value in settings.items()),
        ")",
        "print(prompt + tokenizer.decode(output[0, len(ids):], skip_special_tokens=True))",
    ]
    return "\n".join(lines)
