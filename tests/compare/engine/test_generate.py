"""The way through `generate`, for architectures that the decode loop does not know."""

from __future__ import annotations

import time

import pytest
import torch

from compare.engine.generate import PlainWriter
from compare.values import RefusedError, Sampling
from tests.compare.models import WINDOW, model_of


def finish(progress) -> str:
    until = time.monotonic() + 20
    while progress.stopped is None and time.monotonic() < until:
        progress.wait(1)
    return progress.stopped


def test_it_writes_what_generate_writes():
    model = model_of("gpt2")
    sampling = Sampling(seed=4, max_new_tokens=9)
    progress = PlainWriter(model, [0], WINDOW).start([5, 6, 7], sampling)
    assert finish(progress) in ("length reached", "end of text")
    torch.manual_seed(4)
    prompt = torch.tensor([[5, 6, 7]])
    output = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=9,
        pad_token_id=0,
        **sampling.for_generate(),
    )
    assert progress.ids == output[0, 3:].tolist()


def test_cancel_frees_it_for_the_next():
    writer = PlainWriter(model_of("modern"))
    first = writer.start([5], Sampling(max_new_tokens=512))
    while not first.ids:
        first.wait(1)
    second = writer.start([5], Sampling(max_new_tokens=3))
    first.cancel()
    assert finish(first) == "stopped"
    assert len(first.ids) < 512
    assert finish(second) == "length reached"


def test_the_line_is_bounded():
    writer = PlainWriter(model_of("modern"), most=1)
    first = writer.start([5], Sampling(max_new_tokens=512))
    with pytest.raises(RefusedError, match="1 texts are being written already"):
        writer.start([5], Sampling())
    first.cancel()
    finish(first)


def test_the_window_ends_a_text_that_cannot_slide():
    progress = PlainWriter(model_of("gpt2"), [], WINDOW).start([5] * 20, Sampling())
    assert finish(progress) == "window full"
    assert len(progress.ids) == 4


def test_a_failure_is_a_word_and_not_a_hanging_text(caplog):
    model = model_of("gpt2")
    progress = PlainWriter(model, [], None).start([5] * 60, Sampling())  # past the table
    assert finish(progress) == "failed"
