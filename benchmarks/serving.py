"""What the decode loop gains over `generate`, and the load that a server with it carries.

    python -m benchmarks.serving                 the engine alone: four ways, one run
    python -m benchmarks.serving --cpu           the same in seconds of one core, for a busy machine
    python -m benchmarks.serving --baseline DIR  any model that the loop knows, 1 and 8 texts
    python -m benchmarks.serving --page          50 visitors through the page
    python -m benchmarks.serving --v1            200 clients of /v1
    python -m benchmarks.serving --curve         memory over 10,000 generations

Every way writes with the same model, the same prompts and the same sampling. The ways take turns
and the medians are compared: a machine drifts by a fifth from minute to minute, a ratio much less.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from .kept import keep

PROMPT = 18  # tokens
NEW = 64
WAYS = ("generate, one by one", "generate, one padded batch", "continuous batching", "the loop")
SAMPLING = {"do_sample": True, "temperature": 0.8, "top_k": 50}


class Clock:
    """Seconds that pass or, on a machine that others use too, seconds of one core."""

    now: Callable[[], float] = time.perf_counter


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--cpu", action="store_true", help="one thread, seconds of its core")
    parser.add_argument("--baseline", metavar="MODEL", help="a model's folder, one text and eight")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--page", action="store_true", help="50 visitors through the page")
    parser.add_argument("--v1", action="store_true", help="200 clients of /v1")
    parser.add_argument("--curve", action="store_true", help="memory over 10,000 generations")
    parser.add_argument("--keep", action="store_true", help="put the figures into the README")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    what: list[tuple[str, dict[str, str]]] = []
    if args.page or args.v1 or args.curve:
        from . import clients, visitors

        if args.page:
            what.append((" --page", asyncio.run(visitors.page())))
        if args.v1:
            what.append((" --v1", clients.crowd()))
        if args.curve:
            asyncio.run(visitors.curve())
    else:
        if args.cpu:
            Clock.now = time.process_time
        threads = 1 if args.cpu else args.threads
        if args.baseline:
            baseline(args.baseline, args.dtype, args.rounds, threads)
        else:
            what.append(("", engine(args.rounds, threads)))
    for flags, figures in what if args.keep else []:
        keep(f"python -m benchmarks.serving{flags}", figures)
    return 0


def engine(rounds: int, threads: int) -> dict[str, str]:
    begin(threads, rounds)
    figures = {}
    for name, model, many in (
        ("tiny, 4 layers of 128, 50 texts", tiny(), 50),
        ("shakespeare as it ships, 50 texts", shipped(), 50),
        ("GPT-2 small's shape, 8 texts", gpt2(), 8),
    ):
        rates = in_turns(ways(model, many), rounds)
        show(name, rates)
        one, padded, _, loop = rates.values()
        figures[f"{name} at once"] = (
            f"{loop / padded:.1f} times one padded batch in `generate`, "
            f"{loop / one:.1f} times one by one"
        )
    return figures


def baseline(name: str, dtype: str, rounds: int, threads: int) -> None:
    """Any other model: one text and eight, and what its bf16 weights change."""
    import torch
    from transformers import AutoModelForCausalLM

    begin(threads, rounds)
    model = AutoModelForCausalLM.from_pretrained(
        name, dtype=getattr(torch, dtype), use_safetensors=True
    ).eval()
    show(f"{dtype}, one text", in_turns(ways(model, 1), rounds))
    show(f"{dtype}, eight texts", in_turns(ways(model, 8), rounds))
    if dtype != "float32":
        say_difference(name, model)


def begin(threads: int, rounds: int) -> None:
    import torch

    torch.set_num_threads(threads)
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    kind = "seconds of one core" if Clock.now is time.process_time else "seconds that passed"
    print(f"\n{threads} threads, {kind}, medians of {rounds} turns each, load {load}")


def show(name: str, rates: dict[str, float]) -> None:
    print(f"\n{name}")
    loop = rates[WAYS[-1]]
    for way, rate in rates.items():
        ratio = "" if way == WAYS[-1] else f"   the loop makes {loop / rate:5.2f} times as many"
        print(f"  {way:28}{rate:10,.0f} tokens/s{ratio}", flush=True)


def say_difference(name: str, model: Any) -> None:
    """How far the odds of the smaller weights are from those of fp32, over one text."""
    import torch
    from transformers import AutoModelForCausalLM

    whole = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32).eval()
    ids = torch.cat([prompt_of(model, seed) for seed in range(8)], dim=1)
    with torch.inference_mode():
        theirs = whole(ids).logits[0].log_softmax(-1)
        ours = model(ids).logits[0].float().log_softmax(-1)
    away = (ours - theirs).gather(1, theirs.argmax(-1, keepdim=True)).abs()
    same = (ours.argmax(-1) == theirs.argmax(-1)).float().mean()
    print(
        f"\nagainst fp32: the likeliest token's log-odds differ by {away.mean():.3f} on average "
        f"and {away.max():.3f} at most; the same token is likeliest at {same:.0%} of "
        f"{ids.shape[1]} places"
    )


def tiny() -> Any:
    import torch

    from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM

    torch.manual_seed(0)
    return TinyGPTForCausalLM(TinyGPTConfig(vocab_size=245)).eval()


def shipped() -> Any:
    from tinygpt_hf.loading import load

    model = load("shakespeare")[0]
    model.generation_config.eos_token_id = None  # every way writes all its tokens
    return model


def gpt2() -> Any:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(bos_token_id=None, eos_token_id=None)).eval()


def prompt_of(model: Any, seed: int = 0) -> Any:
    import torch

    chance = torch.Generator().manual_seed(seed)
    return torch.randint(model.config.vocab_size, (1, PROMPT), generator=chance)


def ways(model: Any, many: int) -> dict[str, Callable[[], int]]:
    """The four; each returns how many tokens it wrote. One by one stops after four texts, whose
    rate is that of any number. The platform's own batching is shown once there are several."""
    import torch

    model.generation_config.eos_token_id = None
    prompts = torch.cat([prompt_of(model, seed) for seed in range(many)])
    loop = loop_of(model)
    found = {
        WAYS[0]: lambda: sum(by_generate(model, prompts[i : i + 1]) for i in range(min(4, many))),
        WAYS[1]: lambda: by_generate(model, prompts),
        WAYS[2]: lambda: by_continuous_batching(model, prompts),
        WAYS[3]: lambda: by_loop(loop, prompts),
    }
    return found if many > 1 else {way: found[way] for way in (WAYS[0], WAYS[3])}


def loop_of(model: Any) -> Any:
    from compare.decoding.loop import DecodeLoop
    from compare.decoding.weights import take_apart

    return DecodeLoop(take_apart(model), threaded=False, seconds=10_000)


def in_turns(ways: dict[str, Callable[[], int]], rounds: int) -> dict[str, float]:
    """Tokens a second of each way: the medians of that many turns."""
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds + 1):
        for way, write in ways.items():
            begun = Clock.now()
            tokens = write()
            if turn:  # the first warms up
                rates[way].append(tokens / (Clock.now() - begun))
    return {way: statistics.median(each) for way, each in rates.items()}


def by_generate(model: Any, prompts: Any) -> int:
    import torch

    written = model.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        max_new_tokens=NEW,
        pad_token_id=0,
        **SAMPLING,
    )
    return checked(written.numel() - prompts.numel(), len(prompts))


def by_continuous_batching(model: Any, prompts: Any) -> int:
    from transformers import ContinuousBatchingConfig

    room = ContinuousBatchingConfig(num_blocks=256, page_size=32, max_batch_tokens=512)
    answers = model.generate_batch(
        prompts.tolist(), max_new_tokens=NEW, continuous_batching_config=room, **SAMPLING
    )
    return checked(sum(len(each.generated_tokens) for each in answers.values()), len(prompts))


def by_loop(loop: Any, prompts: Any) -> int:
    from compare.values import Sampling

    texts = [
        loop.start(prompt, Sampling(max_new_tokens=NEW, seed=seed))
        for seed, prompt in enumerate(prompts.tolist())
    ]
    while loop.step():
        pass
    return checked(sum(len(text.ids) for text in texts), len(prompts))


def checked(tokens: int, texts: int) -> int:
    if tokens != texts * NEW:
        raise RuntimeError(f"{tokens} tokens were written, {texts * NEW} were asked for")
    return tokens


if __name__ == "__main__":
    sys.exit(main())
