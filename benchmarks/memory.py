"""Memory of the page while five visitors go through all of its tabs for half an hour.

    python -m benchmarks.memory [--minutes 30] [--visitors 5]

Each visitor does one thing after the other: texts, Inside, Score with and without learning, the
lessons, a model of the visitor's own, the Time machine, Chat. Memory is read each minute. It may
grow by 3 % at most: the mean of the last third against that of the third before it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time

from .classroom import descendants
from .visitors import click_on, opening_events, resident, sent, served, visit

MOST = 0.03
TEXT = "The old fox sees the wise owl, and the owl sees the fox. " * 20
BUTTONS = ("generate", "more", "look", "score", "live-start", "break-start", "own-start", "send")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--visitors", type=int, default=5)
    return parser


def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    return asyncio.run(stay(args.minutes, args.visitors))


async def stay(minutes: float, visitors: int) -> int:
    async with served() as (client, config, server):
        todo = errands(config)
        end = time.monotonic() + 60 * minutes
        done = [0] * visitors

        async def go(number: int) -> None:
            name = f"visitor{number}"
            for event in opening_events(config):
                await visit(client, event, name, 0)
            at = number  # not all at the same place
            while time.monotonic() < end:
                await visit(client, todo[at % len(todo)], name, 64)
                at, done[number] = at + 1, done[number] + 1

        going = [asyncio.create_task(go(number)) for number in range(visitors)]
        read = []
        print("minute  page MB  with the lessons' processes")
        for minute in range(round(minutes)):
            await asyncio.sleep(
                max(0.0, 60 * (minute + 1) - (60 * minutes - end + time.monotonic()))
            )
            read.append(resident(server))
            whole = sum(resident(pid) for pid in descendants(server))
            print(f"{minute + 1:6}  {read[-1]:7,.0f}  {whole:,.0f}", flush=True)
        await asyncio.gather(*going)
    return report(read, sum(done))


def errands(config: dict) -> list[dict]:
    """The events of all tabs, each with something to work on."""
    found = [click_on(config, button) for button in BUTTONS]
    by_name = dict(zip(BUTTONS, found, strict=True))
    by_name["own-start"]["data"][0] = TEXT
    by_name["send"]["data"][-1] = "What is a token?"
    learning = by_name["score"] | {"data": list(by_name["score"]["data"])}
    learning["data"][1] = True
    return [*found, learning, *moments(config)]


def moments(config: dict) -> list[dict]:
    """The Time machine at its first and at its last stop."""
    parts = {part["id"]: part["props"] for part in config["components"]}
    slider = next(i for i, props in parts.items() if props.get("elem_id") == "time-stop")
    event = next(
        event
        for event in config["dependencies"]
        if event["backend_fn"] and [slider, "change"] in event["targets"]
    )
    moves = sent(config, event)
    return [moves, moves | {"data": [parts[slider]["maximum"], *moves["data"][1:]]}]


def report(read: list[float], done: int) -> int:
    third = len(read) // 3
    before = statistics.mean(read[third : 2 * third] or read)
    last = statistics.mean(read[2 * third :])
    grown = last / before - 1
    print(f"{done} things done; {before:,.0f} MB, then {last:,.0f} MB: {grown:+.1%}")
    good = abs(grown) <= MOST
    print("all as it must be: " + ("yes" if good else "NO"))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
