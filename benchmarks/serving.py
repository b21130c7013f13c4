"""What the decode loop gains over `generate`, and what the page bears, on this machine.

    python -m benchmarks.serving                 the engine alone, as ratios from one run
    python -m benchmarks.serving --cpu           the same in seconds of one core, for a busy machine
    python -m benchmarks.serving --page          50 visitors through the page as well
    python -m benchmarks.serving --curve         memory over 2,000 generations

Runs of both sides alternate and the medians are compared: a machine drifts by a fifth from minute
to minute, a ratio much less.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .kept import keep

ROOT = Path(__file__).parents[1]
PROMPT = 18  # tokens
VISITORS = 50
GENERATIONS = 2_000


class Clock:
    """Seconds as they pass or, on a machine that others use too, as one core works."""

    now: Callable[[], float] = time.perf_counter


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="alternations")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="of torch")
    parser.add_argument("--cpu", action="store_true", help="one thread, seconds of its core")
    parser.add_argument("--page", action="store_true", help="50 visitors through the page")
    parser.add_argument("--curve", action="store_true", help="memory over 2,000 generations")
    parser.add_argument("--keep", action="store_true", help="for the README's table")
    parser.add_argument("--no-engine", action="store_true", help="leave the engine out")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    if not args.no_engine:
        if args.cpu:
            Clock.now = time.process_time
        for threads in [1] if args.cpu else args.threads:
            ratios = engine(args.rounds, threads)
        if args.keep:
            keep("python -m benchmarks.serving", ratios)
    if args.page:
        shown = asyncio.run(page())
        if args.keep:
            keep("python -m benchmarks.serving --page", shown)
    if args.curve:
        asyncio.run(curve())
    return 0


# The engine, without gradio


def engine(rounds: int, threads: int) -> dict[str, str]:
    import torch

    ratios = {}
    torch.set_num_threads(threads)
    print(f"\n{threads} threads, medians of {rounds} alternating runs, tokens a second\n")
    print(f"{'':36}{'generate, 1':>12}{'loop, 1':>10}{'loop, many':>12}{'ratio':>8}")
    for name, ours, many in (
        ("tiny, 4 layers of 128, 50 texts", tiny(), 50),
        ("shakespeare as it ships, 50 texts", shipped(), 50),
        ("GPT-2 small's shape, 8 texts", gpt2(12, 768, 12, 3072, 50_257, 1024), 8),
    ):
        config = ours.config
        theirs = ours
        if config.model_type == "tinygpt":
            theirs = gpt2(
                config.num_hidden_layers,
                config.hidden_size,
                config.num_attention_heads,
                config.intermediate_size,
                config.vocab_size,
                config.max_position_embeddings,
            )
        one, alone, crowd = alternate(ours, theirs, many, 64, rounds)
        print(f"{name:36}{one:12,.0f}{alone:10,.0f}{crowd:12,.0f}{crowd / one:7.1f}x")
        ratios[f"{name} at once"] = f"{crowd / one:.1f} times the tokens a second of `generate`"
    return ratios


def tiny():
    import torch

    from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM

    torch.manual_seed(0)
    return TinyGPTForCausalLM(TinyGPTConfig(vocab_size=245)).eval()


def shipped():
    from tinygpt_hf.loading import load

    return load("shakespeare")[0]


def gpt2(layers: int, width: int, heads: int, inner: int, vocabulary: int, window: int):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=window,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        n_inner=inner,
        bos_token_id=None,
        eos_token_id=None,
    )
    return GPT2LMHeadModel(config).eval()


def alternate(ours, theirs, many: int, tokens: int, rounds: int) -> tuple[float, float, float]:
    runs: list[Callable[[], float]] = [
        lambda: by_generate(theirs, tokens),
        lambda: by_loop(ours, 1, tokens),
        lambda: by_loop(ours, many, tokens),
    ]
    rates = [[run() for run in runs] for _ in range(rounds + 1)][1:]  # the first warms up
    one, alone, crowd = map(statistics.median, zip(*rates, strict=True))
    return one, alone, crowd


def prompt_of(model, seed: int = 0):
    import torch

    chance = torch.Generator().manual_seed(seed)
    return torch.randint(model.config.vocab_size, (1, PROMPT), generator=chance)


def by_generate(model, tokens: int) -> float:
    import torch

    ids = prompt_of(model)
    begun = Clock.now()
    model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=True,
        temperature=0.8,
        top_k=50,
        max_new_tokens=tokens,
        pad_token_id=0,
    )
    return tokens / (Clock.now() - begun)


def by_loop(model, many: int, tokens: int) -> float:
    from compare.decoding.loop import DecodeLoop
    from compare.decoding.weights import take_apart
    from compare.values import Sampling

    loop = DecodeLoop(take_apart(model), threaded=False, seconds=1_000)
    begun = Clock.now()
    texts = [
        loop.start(prompt_of(model, seed)[0].tolist(), Sampling(max_new_tokens=tokens, seed=seed))
        for seed in range(many)
    ]
    while loop.step():
        pass
    seconds = Clock.now() - begun
    assert all(len(text.ids) == tokens for text in texts)
    return many * tokens / seconds


# The page, through its own protocol: what a browser sends and reads, without one


async def page(rounds: int = 3) -> dict[str, str]:
    """50 visitors open the page, then all of them press Generate at once."""
    async with served() as (client, config, server):
        press = click_on(config, "generate")
        await visit(client, press, "warm", 4)
        print(f"memory with the tiny models: {resident(server):,.0f} MB")
        for number in range(rounds):
            names = [f"r{number}v{i}" for i in range(VISITORS)]
            for event in opening_events(config):
                await asyncio.gather(*(visit(client, event, name, 0) for name in names))
            shown = await report([visit(client, press, name, 64) for name in names])
        print(f"memory after that: {resident(server):,.0f} MB")
        return shown


async def curve() -> None:
    """Memory of the server over 2,000 generations, 50 at a time."""
    for who, visitors in (("visitors who stay", VISITORS), ("a new visitor each", GENERATIONS)):
        async with served() as (client, config, server):
            press = click_on(config, "generate")
            print(f"\ngenerations  resident MB, {who}")
            for number in range(0, GENERATIONS + 1, VISITORS):
                if number % 200 == 0:
                    print(f"{number:11,}  {resident(server):11,.0f}", flush=True)
                names = [f"c{(number + i) % visitors}" for i in range(VISITORS)]
                ends = await asyncio.gather(*(visit(client, press, name, 16) for name in names))
                assert all(whole for _, _, whole in ends)


@contextlib.asynccontextmanager
async def served():
    """The page of this project, up: a client for it, its events and its process."""
    import httpx

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "--baseline", "none", "--port", str(port)]
    begun = time.perf_counter()
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            await until_up(client)
            print(f"\nfrom `python app.py` to the page: {time.perf_counter() - begun:.1f} s")
            yield client, (await client.get("/config")).json(), server.pid
    finally:
        server.terminate()
        server.wait(10)


async def until_up(client) -> None:
    import httpx

    for _ in range(2_400):
        try:
            if (await client.get("/config")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.05)
    raise TimeoutError("the page did not come up")


def click_on(config: dict, button: str) -> dict:
    """What the server gets after a click on the button; the browser may do something before."""
    parts = {part["id"]: part["props"] for part in config["components"]}
    number = next(i for i, props in parts.items() if props.get("elem_id") == button)
    events = config["dependencies"]
    clicked = next(event for event in events if [number, "click"] in event["targets"])
    if not clicked["backend_fn"]:
        clicked = next(event for event in events if event["trigger_after"] == clicked["id"])
    return sent(config, clicked)


def opening_events(config: dict) -> list[dict]:
    """What the browser asks the server for when the page is opened."""
    return [
        sent(config, event)
        for event in config["dependencies"]
        if event["backend_fn"] and any(kind == "load" for _, kind in event["targets"])
    ]


def sent(config: dict, event: dict) -> dict:
    """An event with the page's own values for its inputs."""
    parts = {part["id"]: part["props"] for part in config["components"]}
    return {"id": event["id"], "data": [parts[i].get("value") for i in event["inputs"]]}


async def visit(client, event: dict, session: str, tokens: int) -> tuple[float, float, bool]:
    """Seconds to the first text and to the end, and whether all of it came."""
    data = [tokens if value == 120 else value for value in event["data"]]
    begun = time.perf_counter()
    body = {"data": data, "fn_index": event["id"], "session_hash": session}
    (await client.post("/gradio_api/queue/join", json=body)).raise_for_status()
    first, end, whole = 0.0, float("nan"), False
    where = "/gradio_api/queue/data"
    async with client.stream("GET", where, params={"session_hash": session}) as stream:
        async for line in stream.aiter_lines():
            if not line.startswith("data:"):
                continue
            message = json.loads(line[5:])
            if message["msg"] in ("process_generating", "process_completed"):
                first = first or time.perf_counter() - begun
                whole = whole or "length reached" in line
            if message["msg"] == "process_completed":
                end, whole = time.perf_counter() - begun, whole and message["success"]
    return first, end, whole  # like a browser: until the server has closed the stream


async def report(stays: list) -> dict[str, str]:
    begun = time.perf_counter()
    results = await asyncio.gather(*stays)
    seconds = time.perf_counter() - begun
    firsts, ends, whole = zip(*results, strict=True)
    print(
        f"{len(stays)} visitors, both panes, 64 tokens each: {len(stays) - sum(whole)} lost, "
        f"first text after {statistics.median(firsts):.2f} s (median), {max(firsts):.2f} s (last); "
        f"all finished within {max(ends):.2f} s ({seconds:.2f} s)",
        flush=True,
    )
    what = f"{len(stays)} visitors of the page press Generate at once, 64 tokens in both panes"
    figure = (
        f"first text after {statistics.median(firsts):.2f} s, all finished in {max(ends):.1f} s"
    )
    return {what: figure}


def resident(pid: int) -> float:
    """Megabytes of memory that a process has in use."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return float("nan")


if __name__ == "__main__":
    sys.exit(main())
