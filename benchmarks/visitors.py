"""The load that a server with the page carries: visitors, and clients of /v1. See `serving`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
VISITORS = 50
GENERATIONS = 10_000

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
    """Memory of the server over 10,000 generations, 50 at a time."""
    for who, visitors in (("visitors who stay", VISITORS), ("a new visitor each", GENERATIONS)):
        async with served() as (client, config, server):
            press = click_on(config, "generate")
            print(f"\ngenerations  resident MB, {who}")
            for number in range(0, GENERATIONS + 1, VISITORS):
                if number % 1_000 == 0:
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
                whole = whole or "length reached" in line or "end of text" in line
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
