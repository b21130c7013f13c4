"""What a browser says to the page, without a browser: one event in, its messages out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx

_sessions = count()


@dataclass
class Reply:
    """The last message of an event, and all that was said until then."""

    success: bool
    output: dict[str, Any]
    raw: str

    def html(self) -> str:
        return json.dumps(self.output, ensure_ascii=False)


class Visitor:
    """A client of the page that may send whatever it likes."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=300)  # a busy machine is slow
        self.session = f"visitor{next(_sessions)}"
        self.config = self.http.get("/config").json()

    def events(self) -> dict[int, list[Any]]:
        """The number of every event that runs on the server, and its inputs' own values."""
        values = {part["id"]: part["props"].get("value") for part in self.config["components"]}
        return {
            event["id"]: [values.get(i) for i in event["inputs"]]
            for event in self.config["dependencies"]
            if event["backend_fn"]
        }

    def event_of(self, elem_id: str) -> int:
        part = next(
            p["id"] for p in self.config["components"] if p["props"].get("elem_id") == elem_id
        )
        events = self.config["dependencies"]
        clicked = next(event for event in events if [part, "click"] in event["targets"])
        if clicked["backend_fn"]:
            return clicked["id"]
        return next(event["id"] for event in events if event["trigger_after"] == clicked["id"])

    def send(self, event: int, data: list[Any]) -> Reply:
        body = {"data": data, "fn_index": event, "session_hash": self.session}
        content = json.dumps(body).encode()  # ASCII: half a surrogate travels as \ud800
        headers = {"content-type": "application/json"}
        reply = self.http.post("/gradio_api/queue/join", content=content, headers=headers)
        if reply.status_code != 200:
            return Reply(False, {}, reply.text)
        raw = ""
        where = {"session_hash": self.session}
        with self.http.stream("GET", "/gradio_api/queue/data", params=where) as stream:
            for line in _lines(stream):
                raw += line
                if '"msg":"process_completed"' in line:
                    message = json.loads(line.removeprefix("data:"))
                    return Reply(message["success"], message["output"], raw)
        return Reply(False, {}, raw)

    def close(self) -> None:
        self.http.close()


def _lines(stream: httpx.Response) -> Iterator[str]:
    """Lines as a browser cuts them: httpx would also cut at U+2028 and its like."""
    rest = b""
    for part in stream.iter_raw():
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line.decode() + "\n"
