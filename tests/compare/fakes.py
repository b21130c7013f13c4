"""A contestant with a script instead of a model, and a page of two such, served for a browser.

python -m tests.compare.fakes --port 7860 [--slow] [--late FILE] [--real]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from compare.roster import Roster
from compare.values import (
    Adapted,
    Answers,
    Chunk,
    Coherence,
    Facts,
    Message,
    Odds,
    Piece,
    RefusedError,
    Sampling,
    Surprise,
    Told,
    Unit,
)
from compare.values.players import TELLERS
from tests.compare.fake_inside import FakeInside

WORDS = "that is the question whether tis nobler in the mind to suffer the slings and arrows"
NAMES = ["shakespeare", "hello", "next-char", "chat", "chat-base", *TELLERS[:2]]  # on offer
CLOSED: dict[str, Any] = {"hello": "hello"}


class FakeLive:
    """Writes a word of the script every `pause` seconds, in a voice that names its seed."""

    def __init__(self, sampling: Sampling, pause: float) -> None:
        self.notes: list[str] = []
        self.sampling, self.pause, self.started = sampling, pause, time.monotonic()
        self.ended: tuple[float, str] | None = None

    @property
    def stage(self) -> tuple[int, str | None]:
        chunk = self.chunk()
        return chunk.tokens, chunk.stopped

    def chunk(self) -> Chunk:
        now, why = self.ended or (time.monotonic(), None)
        seconds = now - self.started
        written = min(int(seconds / self.pause) if self.pause else 999, self._most)
        if written >= self._most and why is None:
            self.ended = (now, "length reached")
            why = "length reached"
        words = (WORDS.split() * 40)[self.sampling.seed % 7 :][:written]
        text = "".join(f" {word}" for word in words)
        return Chunk(text, written, seconds, self.pause if written else None, why)

    @property
    def _most(self) -> int:
        return self.sampling.max_new_tokens

    def cancel(self) -> None:
        self.chunk()
        if self.ended is None:
            self.ended = (time.monotonic(), "stopped")
            if log := os.environ.get("CANCELLED"):
                with open(log, "a", encoding="utf-8") as file:
                    file.write(f"{time.monotonic() - self.started:.2f}\n")


class FakeContestant:
    """Answers at once and always the same; refuses what a model would refuse."""

    def __init__(self, name: str, *, pause: float = 0.0, vocabulary: int = 65) -> None:
        self.name, self.pause, self.vocabulary = name, pause, vocabulary
        self.lives: list[FakeLive] = []

    @property
    def inside(self) -> FakeInside:
        return FakeInside(self)

    def facts(self) -> Facts:
        return Facts(
            self.name,
            653_312,
            3,
            128,
            4,
            64,
            self.vocabulary,
            source=self.name,
            chats=self.name.startswith("chat"),
        )

    @property
    def tells(self) -> bool:
        return self.name in TELLERS

    def coherence(self, prompt: str, text: str) -> Coherence | None:
        """Nobody of their world may be nobler; a prompt of it begins with a morning."""
        if not prompt.startswith("On a "):
            return None
        at = (prompt + text).find("nobler")
        if at < 0:
            return Coherence("so far")
        return Coherence("fails", "nobody is nobler", at, at + len("nobler"))

    def opening(self, number: int) -> str:
        return f"On a foggy morning {number} foxes met."

    def start(self, prompt: str, sampling: Sampling) -> FakeLive:
        self.check(prompt)
        self.lives.append(FakeLive(sampling, self.pause))
        return self.lives[-1]

    def reply(self, talk: Sequence[Message], sampling: Sampling) -> FakeLive:
        """A chat of the fakes remembers two turns."""
        self.lives.append(FakeLive(replace(sampling, max_new_tokens=8), self.pause))
        return self.lives[-1]

    def forgets(self, talk: Sequence[Message]) -> int:
        return max(0, len(talk) - 3)

    def stream(self, prompt: str, sampling: Sampling) -> Iterator[Chunk]:
        live = self.start(prompt, sampling)
        while (chunk := live.chunk()).stopped is None:
            yield chunk
        yield chunk

    def next_tokens(self, prompt: str, temperature: float = 1.0, unit: Unit = "letter") -> Odds:
        self.check(prompt)
        weights = [0.5 ** (i / temperature) for i in range(20)]
        labels = "etaoinshrdlcumwfgypb" if unit == "letter" else [f" tok{i}" for i in range(20)]
        shares = [(label, w / sum(weights)) for label, w in zip(labels, weights, strict=True)]
        return Odds(unit, shares, f"{self.name} made these up.")

    def tokens(self, text: str) -> list[Piece]:
        self.check(text)
        return [Piece(ord(c) % 256, c, c.encode()) for c in text]

    def score(self, text: str) -> Surprise:
        self.check(text)
        return Surprise(2.5, len(text.encode()), [(c, 2.5) for c in text], "the first is free")

    def adapt(self, text: str, told: Told) -> Adapted:
        self.check(text)
        if self.name == "GPT-2":
            raise RefusedError("GPT-2 only reads.")
        for done in range(3):
            told(done, 2)
            time.sleep(self.pause)
        return Adapted(Surprise(2.0, len(text.encode()), [(c, 2.0) for c in text], ""), 2.5)

    def check(self, text: str) -> None:
        if not text:
            raise RefusedError("The prompt is empty: type a few letters first.")


def fake_roster(
    *, pause: float = 0.0, late: Callable[[], bool] | None = None, stories: bool = False
) -> Roster:
    """Tiny ones on offer, those of the stories first if it is their page; the baseline comes when
    `late` says so, or never."""

    def load(name: str) -> FakeContestant:
        if name in (*NAMES, "shakespeare-gpt2"):
            return FakeContestant(name, pause=pause, vocabulary=5 if name == "hello" else 65)
        raise ValueError(f"{name} is not on the Hub")

    def load_baseline(name: str) -> FakeContestant:
        while late and not late():
            time.sleep(0.02)
        return FakeContestant("GPT-2", pause=pause, vocabulary=50_257)

    return Roster(
        NAMES,
        load,
        left=None if stories else "shakespeare",
        baseline=None if late is None else "openai-community/gpt2",
        load_baseline=load_baseline,
        tuned_from={"chat": "stories" if stories else "chat-base"},
    )


def real_roster() -> Roster:
    """Untrained models of real code, for a page that has to bear what people type."""

    def load(name: str) -> Answers:
        import torch
        from transformers import GPT2Config, GPT2LMHeadModel

        from compare.engine.contestant import Contestant
        from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
        from tinygpt_hf.tokenization import train_bpe, train_char

        torch.manual_seed(0)
        if name == "shakespeare-gpt2":
            tokenizer = train_bpe([WORDS * 20], 300, show_progress=False)
            sizes = {"n_positions": 128, "n_embd": 32, "n_layer": 2, "n_head": 2}
            ends = {"bos_token_id": 0, "eos_token_id": 0}
            config = GPT2Config(vocab_size=len(tokenizer), **sizes, **ends)
            return Contestant(name, GPT2LMHeadModel(config), tokenizer)
        tokenizer = train_char([] if name == "hello" else [WORDS], closed=CLOSED.get(name))
        shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
        model = TinyGPTForCausalLM(TinyGPTConfig(vocab_size=len(tokenizer), **shape))
        return Contestant(name, model, tokenizer)

    def no_stranger(name: str) -> Answers:
        raise ValueError(f"{name} is not on the Hub")

    return Roster(["shakespeare", "hello"], load, baseline=None, load_stranger=no_stranger)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--stories", action="store_true", help="those of the stories play at first")
    parser.add_argument("--real", action="store_true", help="untrained models, no fakes")
    parser.add_argument("--late", type=Path, help="GPT-2 comes when this file does")
    parser.add_argument("--log", help="notes the seconds that each cancelled text had")
    arguments = parser.parse_args()
    os.environ["CANCELLED"] = arguments.log or ""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    import gradio.networking

    from compare import downloads
    from compare.page import build_demo, launch

    # As on a machine too busy to answer Gradio's own question: the page has to stay up.
    gradio.networking.url_ok = lambda url: False
    if arguments.real:
        roster = real_roster()
    else:
        late = arguments.late and arguments.late.exists
        pause = 0.05 if arguments.slow else 0.002
        roster = fake_roster(pause=pause, late=late, stories=arguments.stories)
    roster.begin()
    launch(build_demo(roster), downloads.routes(roster), server_port=arguments.port, quiet=True)


if __name__ == "__main__":
    main()
