"""The decode loop: many texts in one batch, each as if it were alone."""

from __future__ import annotations

import random
import weakref
from dataclasses import dataclass

import pytest
import torch

from compare.decoding.cache import CHUNK
from compare.decoding.loop import DecodeLoop
from compare.decoding.weights import UnknownShapeError, take_apart
from compare.values import RefusedError, Sampling
from tests.compare.models import SHAPES, VOCABULARY, WINDOW, model_of

KINDS = [*SHAPES, "gpt2"]
CLOSE = 1e-5  # two candidates nearer than this may change places between a batch and one row


@dataclass
class Job:
    prompt: list[int]
    sampling: Sampling
    arrives: int  # before which step
    cancelled: int | None  # after how many steps, counted from its arrival


def loop_of(shape: str, **options) -> DecodeLoop:
    model = model_of(shape)
    window = WINDOW if shape == "gpt2" else None
    patient = {"seconds": 10_000.0, **options}  # no machine is too slow for a test of equality
    return DecodeLoop(take_apart(model), [0], window, threaded=False, **patient)


def random_jobs(shape: str, chance: random.Random, count: int) -> list[Job]:
    longest = WINDOW - 1 if shape == "gpt2" else CHUNK + 2 * WINDOW
    return [
        Job(
            prompt=[
                chance.randrange(1, VOCABULARY)
                for _ in range(chance.choice([1, 2, chance.randint(1, longest), longest]))
            ],
            sampling=Sampling(
                temperature=chance.choice([0.3, 0.8, 1.0, 1.7]),
                top_k=chance.choice([0, 1, 5, 50, 1000]),
                top_p=chance.choice([1.0, 0.95, 0.5]),
                repetition_penalty=chance.choice([1.0, 1.0, 1.3]),
                max_new_tokens=chance.choice([1, chance.randint(2, 60)]),
                greedy=chance.random() < 0.3,
                seed=chance.randrange(1000),
            ),
            arrives=chance.randrange(20),
            cancelled=chance.randrange(20) if chance.random() < 0.2 else None,
        )
        for _ in range(count)
    ]


def run(loop: DecodeLoop, jobs: list[Job]) -> list[list[int]]:
    """All jobs in one loop, joining and leaving when they want."""
    live: dict[int, object] = {}
    step = 0
    while len(live) < len(jobs) or loop.load:
        for number, job in enumerate(jobs):
            if job.arrives == step:
                live[number] = loop.start(job.prompt, job.sampling)
            if job.cancelled is not None and job.arrives + job.cancelled == step:
                live[number].cancel()
        loop.step()
        step += 1
    return [live[number].ids for number in range(len(jobs))]


def alone(model, job: Job, shape: str) -> list[int]:
    new = job.sampling.max_new_tokens
    if shape == "gpt2":
        new = min(new, WINDOW - len(job.prompt))
    prompt = torch.tensor([job.prompt])
    torch.manual_seed(job.sampling.seed)
    output = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=new,
        pad_token_id=0,
        **job.sampling.for_generate(),
    )
    return output[0, len(job.prompt) :].tolist()


def is_a_tie(model, job: Job, ours: list[int], theirs: list[int]) -> bool:
    """Whether the first difference is between two candidates that are as good as equal."""
    same = next(i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b)
    ids = (job.prompt + ours[:same])[-WINDOW:]
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0, -1]
    return bool((logits[ours[same]] - logits[theirs[same]]).abs() < CLOSE)


def compare(shape: str, mixes: int, seed: int) -> tuple[int, int, int]:
    """Texts, tokens and ties over that many random mixes; fails at the first real difference."""
    model, chance = model_of(shape), random.Random(seed)
    texts = tokens = ties = 0
    for _ in range(mixes):
        jobs = random_jobs(shape, chance, chance.randint(1, 12))
        for job, ours in zip(jobs, run(loop_of(shape), jobs), strict=True):
            theirs = alone(model, job, shape)
            if job.cancelled is not None:
                theirs = theirs[: len(ours)]
            texts, tokens = texts + 1, tokens + len(ours)
            if ours != theirs:
                assert is_a_tie(model, job, ours, theirs), (shape, job, ours, theirs)
                ties += 1
    return texts, tokens, ties


@pytest.mark.parametrize("shape", KINDS)
def test_a_batch_writes_what_each_would_write_alone(shape):
    """Greedy and sampled, short and past the window, whoever else comes and goes."""
    texts, tokens, ties = compare(shape, mixes=2, seed=1)
    assert texts
    assert tokens
    assert ties == 0


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["modern", "hello", "llama", "gpt2"])
def test_200_random_mixes_equal_generate(shape, capsys):
    texts, tokens, ties = compare(shape, mixes=200, seed=2)
    with capsys.disabled():
        print(f"\n{shape}: 200 mixes, {texts} texts, {tokens} tokens, {ties} ties")  # noqa: T201 (for who runs it)
    assert ties == 0


@pytest.mark.parametrize("rows", [1, 2, 8, 65])
def test_large_matrices_multiply_the_same_by_their_faster_way(rows):
    """GPT-2's matrices take another road than tiny ones; it leads to the same numbers."""
    from compare.decoding.forward import linear

    torch.manual_seed(0)
    weight, bias = torch.randn(600, 512), torch.randn(600)
    x = torch.randn(rows, 512)
    expected = x @ weight.t() + bias
    assert torch.allclose(linear(weight, bias)(x), expected, atol=1e-3)
    turned = weight.t().contiguous().t()  # as GPT-2 keeps them
    assert torch.allclose(linear(turned, None)(x), expected - bias, atol=1e-3)


def test_a_cancelled_text_is_dropped_before_the_next_step():
    loop = loop_of("modern")
    stays, goes = (loop.start([5, 6], Sampling(greedy=True, max_new_tokens=50)) for _ in range(2))
    loop.step()
    goes.cancel()
    loop.step()
    assert goes.stopped == "stopped"
    assert (len(stays.ids), len(goes.ids)) == (2, 1)
    assert loop.load == 1


def test_a_text_past_its_deadline_ends_with_what_it_has(monkeypatch):
    now = 1000.0
    monkeypatch.setattr("compare.decoding.progress.time.perf_counter", lambda: now)
    loop = loop_of("modern", seconds=60)
    text = loop.start([5], Sampling(max_new_tokens=500))
    now += 60
    loop.step()
    assert text.stopped is None
    now += 0.1
    loop.step()
    assert text.stopped == "out of time"
    assert len(text.ids) == 1


def test_a_full_line_is_refused_and_served_later():
    loop = loop_of("modern", most_waiting=2)
    for _ in range(2):
        loop.start([5], Sampling(max_new_tokens=2))
    with pytest.raises(RefusedError, match="2 texts are waiting already"):
        loop.start([5], Sampling())
    loop.step()
    assert loop.start([5], Sampling(max_new_tokens=2)).stopped is None


def test_more_texts_than_rows_take_turns():
    loop = loop_of("modern", most_waiting=200)
    texts = [loop.start([5, 6], Sampling(max_new_tokens=3, seed=i)) for i in range(100)]
    while loop.step():
        pass
    assert {text.stopped for text in texts} <= {"length reached", "end of text"}
    assert all(text.ids for text in texts)


def test_a_step_that_fails_tells_its_texts_and_the_next_is_served(monkeypatch):
    loop = loop_of("modern")
    text = loop.start([5], Sampling(max_new_tokens=9))
    with monkeypatch.context() as patch:

        def no_room(*arguments):
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

        patch.setattr("compare.decoding.loop.choose", no_room)
        loop.step()
    assert text.stopped == "out of memory"
    after = loop.start([5], Sampling(max_new_tokens=2))
    while loop.step():
        pass
    assert after.stopped == "length reached"


def test_a_text_ends_with_its_own_end_token():
    model = model_of("modern")
    model.lm_head.weight.data[0] *= 50  # the end token wins soon
    loop = DecodeLoop(take_apart(model), [0], threaded=False)
    text = loop.start([5, 6, 7], Sampling(max_new_tokens=400, seed=3))
    while loop.step():
        pass
    assert text.stopped == "end of text"
    assert text.ids[-1] == 0
    assert 0 not in text.ids[:-1]


def test_the_thread_comes_with_work_and_keeps_no_model_alive(monkeypatch):
    monkeypatch.setattr("compare.decoding.loop._IDLE", 0.05)
    loop = DecodeLoop(take_apart(model_of("modern")), [0])
    text = loop.start([5], Sampling(max_new_tokens=5, greedy=True))
    while text.stopped is None:
        text.wait(1)
    thread = loop._thread
    if thread is not None:
        thread.join(5)
    assert loop._thread is None
    gone = weakref.ref(loop)
    del loop, text, thread
    assert gone() is None


def test_an_unknown_architecture_is_left_to_generate():
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    config = GPTNeoXConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        bos_token_id=0,
        eos_token_id=0,
    )
    with pytest.raises(UnknownShapeError, match="gpt_neox"):
        take_apart(GPTNeoXForCausalLM(config))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("position_embedding", "spiral"),
        ("norm_type", "group"),
        ("norm_position", "between"),
        ("mixer", "convolution"),
        ("hidden_act", "tanh"),
    ],
)
def test_what_the_loop_does_not_know_is_refused_by_name(field, value):
    """A new kind of position that the loop left out would give wrong text without a word."""
    model = model_of("modern")
    setattr(model.config, field, value)
    with pytest.raises(UnknownShapeError, match=f"{field} '{value}'"):
        take_apart(model)
