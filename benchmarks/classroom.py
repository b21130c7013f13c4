"""A class presses Start at once: does everybody get a turn, and does Compare stay quick?

    python -m benchmarks.classroom [--visitors 30] [--within 10]

`python app.py` in a process of its own, visitors as a browser speaks to it. Meanwhile somebody
presses Generate in Compare again and again. Printed: who finished, who was shown a place in the
queue and a waiting time, how long Compare's first token took, the memory of the page and of the
processes that train, and how many processes are left when the page is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

from .visitors import ROOT, click_on, resident, until_up

PORT = 7998
GENERATE, START = "generate", "live-start"
_WRITING = "first after"  # what a pane says once it has a token


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--within", type=float, default=10.0, help="seconds; all have pressed then")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    return asyncio.run(lesson(args.visitors, args.within))


async def lesson(visitors: int, within: float) -> int:
    import httpx

    command = [sys.executable, "app.py", "--baseline", "none", "--port", str(PORT)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    watch, firsts = Watch(server.pid), list[float]()
    try:
        limits = httpx.Limits(max_connections=None)
        url = f"http://127.0.0.1:{PORT}"
        async with httpx.AsyncClient(base_url=url, timeout=600, limits=limits) as client:
            await until_up(client)
            config = (await client.get("/config")).json()
            await press(client, config, GENERATE, "warm")  # the models are loaded
            meter = asyncio.create_task(watch.run())
            waiter = asyncio.create_task(compare(client, config, firsts))
            stays = [visit(client, config, n, within * n / visitors) for n in range(visitors)]
            results = await asyncio.gather(*stays)
            meter.cancel()
            waiter.cancel()
    finally:
        server.terminate()
        server.wait(30)
    return report(results, firsts, watch)


async def compare(client, config: dict, firsts: list[float]) -> None:
    """One visitor after the other in Compare, for as long as the class trains."""
    for number in range(10_000):
        firsts.append(await press(client, config, GENERATE, f"compare{number}"))
        await asyncio.sleep(1)


async def visit(client, config: dict, number: int, after: float) -> dict:
    await asyncio.sleep(after)
    begun, told = time.monotonic(), False
    last = ""
    async for line in messages(client, config, START, f"visitor{number}"):
        told = told or "your turn comes in about" in line
        last = line
    seconds = time.monotonic() - begun
    return {"seconds": seconds, "told": told, "finished": "Memorised" in last}


async def press(client, config: dict, button: str, session: str) -> float:
    """Seconds to the first token."""
    begun = time.monotonic()
    first = 0.0
    async for line in messages(client, config, button, session):
        if not first and _WRITING in line:
            first = time.monotonic() - begun
    return first


async def messages(client, config: dict, button: str, session: str):
    event = click_on(config, button)
    body = {"data": event["data"], "fn_index": event["id"], "session_hash": session}
    (await client.post("/gradio_api/queue/join", json=body)).raise_for_status()
    where = {"session_hash": session}
    async with client.stream("GET", "/gradio_api/queue/data", params=where) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                yield line
                if json.loads(line[5:])["msg"] == "process_completed":
                    return


class Watch:
    """Memory of the page and of all that it has started."""

    def __init__(self, pid: int) -> None:
        self.pid, self.most, self.seen = pid, 0.0, {pid}

    async def run(self) -> None:
        while True:
            family = descendants(self.pid)
            self.seen |= family
            self.most = max(self.most, sum(resident(pid) for pid in family if alive(pid)))
            await asyncio.sleep(0.5)

    def left(self) -> list[int]:
        """Each ends by itself when its pipe to the page closes; torch takes a moment to go."""
        until = time.monotonic() + 10
        while (there := [pid for pid in self.seen if alive(pid)]) and time.monotonic() < until:
            time.sleep(0.1)
        return there


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text(encoding="utf-8")


def descendants(pid: int) -> set[int]:
    found = {pid}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text(encoding="utf-8").split():
            found |= descendants(int(child))
    return found


def report(results: list[dict], firsts: list[float], watch: Watch) -> int:
    finished = sum(result["finished"] for result in results)
    told = sum(result["told"] for result in results)
    slowest = max(result["seconds"] for result in results)
    print(f"{len(results)} visitors pressed Start: {finished} finished with the text memorised,")
    print(
        f"{told} were told their place and the seconds to it; the last was done in {slowest:.0f} s"
    )
    print(f"Compare meanwhile, {len(firsts)} times: first token after {max(firsts):.2f} s at most")
    print(f"memory of the page and its processes: {watch.most:,.0f} MB at most")
    left = watch.left()
    print(f"processes left ten seconds after the page is gone: {len(left)}")
    good = finished == len(results) and min(firsts) > 0 and max(firsts) < 2
    good = good and watch.most < 2000 and not left
    print("all as it must be: " + ("yes" if good else "NO"))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
