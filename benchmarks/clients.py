"""200 clients of /v1 at once, against the decode loop alone on the same texts. See `serving`.

The server, the clients and the loop are separate processes. They take turns within one run.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from .visitors import ROOT, served

CLIENTS, TOKENS, ROUNDS = 200, 64, 5


@dataclass
class Answer:
    tokens: int = 0
    status: int = 0
    first: float = 0.0  # seconds until its first text
    messages: int = 0
    seconds: float = 0.0


def crowd() -> dict[str, str]:
    return asyncio.run(_crowd())


async def _crowd() -> dict[str, str]:
    rates: dict[str, list[float]] = {"streamed": [], "whole": [], "loop": []}
    firsts, lost, refused, busiest = [], 0, 0, 0.0
    load = ", ".join(f"{number:.1f}" for number in os.getloadavg())
    print(f"\n{CLIENTS} clients of /v1 at once, shakespeare, {TOKENS} tokens each, load {load}")
    os.environ["TINYGPT_RATE"] = "1000000"
    async with served() as (client, _, _):
        base = str(client.base_url)
        for turn in range(ROUNDS + 1):
            for way in ("streamed", "whole"):
                answers, seconds = await _clients(base, way)
                if not turn:  # warms up
                    continue
                rates[way].append(sum(each.tokens for each in answers) / seconds)
                lost += sum(each.status == 200 and each.tokens != TOKENS for each in answers)
                refused += sum(each.status != 200 for each in answers)
                if way == "streamed":
                    firsts += [each.first for each in answers]
                    pace = [each.messages / max(each.seconds, 1.0) for each in answers]
                    busiest = max(busiest, *pace)
            if turn:
                rates["loop"].append(await _loop())
    streamed, whole, loop = (statistics.median(rates[way]) for way in rates)
    first = statistics.median(firsts)
    print(
        f"  the loop alone {loop:8,.0f} tokens/s\n"
        f"  streamed       {streamed:8,.0f} tokens/s, {streamed / loop:.0%} of the loop; first "
        f"text after {first:.2f} s (median), at most {busiest:.1f} messages a second\n"
        f"  not streamed   {whole:8,.0f} tokens/s, {whole / loop:.0%} of the loop\n"
        f"  {lost} lost and {refused} refused of {2 * ROUNDS * CLIENTS:,}"
    )
    what = f"{CLIENTS} clients of /v1 at once, {TOKENS} tokens each"
    figure = f"{streamed:,.0f} tokens/s streamed, {streamed / loop:.0%} of the loop alone"
    return {what: f"{figure}; first text after {first:.2f} s; {lost} lost, {refused} refused"}


async def _clients(base: str, way: str) -> tuple[list[Answer], float]:
    """All clients, in a process of their own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.clients",
        base,
        way,
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    out, _ = await process.communicate()
    said = json.loads(out)
    return [Answer(**each) for each in said["answers"]], said["seconds"]


async def _loop() -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.clients", cwd=ROOT, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    return float(out)


async def _all(base: str, way: str) -> None:
    import httpx

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=base, timeout=120, limits=limits) as client:
        begun = time.perf_counter()
        answers = await asyncio.gather(*(_ask(client, way, n) for n in range(CLIENTS)))
        seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "answers": [vars(each) for each in answers]}))


async def _ask(client, way: str, seed: int) -> Answer:
    body = {
        "model": "shakespeare",
        "prompt": "To be or not to be",
        "max_tokens": TOKENS,
        "seed": seed,
        "stream": way == "streamed",
        "stream_options": {"include_usage": True},
    }
    begun, answer = time.perf_counter(), Answer()
    if way == "whole":
        reply = await client.post("/v1/completions", json=body)
        answer.status = reply.status_code
        if reply.status_code == 200:
            answer.tokens = reply.json()["usage"]["completion_tokens"]
        return answer
    async with client.stream("POST", "/v1/completions", json=body) as reply:
        answer.status = reply.status_code
        async for line in reply.aiter_lines():
            if not line.startswith("data: {"):
                continue
            piece = json.loads(line[6:])
            answer.first = answer.first or time.perf_counter() - begun
            answer.messages += 1
            answer.tokens = (piece.get("usage") or {}).get("completion_tokens", 0)
    answer.seconds = time.perf_counter() - begun
    return answer


def _alone() -> None:
    """The loop by itself, with as many threads as the page gives a model."""
    import torch

    from .serving import by_loop, loop_of, prompt_of, shipped

    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))  # as compare.lineup does
    model = shipped()
    loop = loop_of(model)
    prompts = torch.cat([prompt_of(model, seed) for seed in range(CLIENTS)])
    by_loop(loop, prompts)
    begun = time.perf_counter()
    tokens = by_loop(loop, prompts)
    print(tokens / (time.perf_counter() - begun))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(_all(*sys.argv[1:]))
    else:
        _alone()
