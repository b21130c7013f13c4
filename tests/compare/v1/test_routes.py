"""The addresses of /v1, spoken to directly: streams, hang-ups, readers who do not read."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from compare.v1.routes import routes
from compare.values import BusyError, Chunk, Extras, LogOdds, RefusedError, Sampling

WORDS = ["to", "be", "or", "not", "to", "be", "that", "is", "the", "question"]
ASK = {"model": "m", "prompt": "x", "max_tokens": 8, "seed": 0}


class Live:
    """Writes a word every `pause` seconds."""

    prompt = 3

    def __init__(self, sampling: Sampling, pause: float, why: str) -> None:
        self.most, self.pause, self.why = sampling.max_new_tokens, pause, why
        self.begun, self.cancelled = time.monotonic(), False

    @property
    def stage(self) -> tuple[int, str | None]:
        passed = time.monotonic() - self.begun
        written = min(self.most, int(passed / self.pause) if self.pause else self.most)
        return written, self.why if written == self.most or self.cancelled else None

    def chunk(self) -> Chunk:
        written, why = self.stage
        return Chunk(" ".join(WORDS[:written]), written, 0.0, 0.0, why)

    def log_odds(self) -> list[LogOdds]:
        return [LogOdds(word, -0.5, [("or", -0.1)]) for word in WORDS[: self.stage[0]]]

    def cancel(self) -> None:
        self.cancelled = True


class Model:
    def __init__(self, pause: float = 0.0, why: str = "length reached") -> None:
        self.pause, self.why = pause, why
        self.lives: list[Live] = []
        self.seeds: list[int] = []

    def start(self, prompt: Any, sampling: Sampling, extras: Extras) -> Live:
        if prompt == "busy":
            raise BusyError("256 texts are waiting already: try again soon.")
        if prompt == "bad":
            raise RefusedError("The prompt cannot be read.")
        self.seeds.append(sampling.seed)
        self.lives.append(Live(sampling, self.pause, self.why))
        return self.lives[-1]

    reply = start


class Roster:
    names = ("m", "n")

    def __init__(self, model: Model) -> None:
        self.model = model

    async def arrive(self, name: str) -> Model:
        if name not in self.names:
            raise RefusedError("A model is named as user/name.")
        return self.model


class Client:
    """One request to the app, without a socket: what came back, and a way to hang up."""

    def __init__(self, model: Model, path: str, body: Any = None, key: str = "") -> None:
        self.app = routes(Roster(model), "k")[0]
        self.sent: list[dict] = []
        self.gone, self.reads = asyncio.Event(), asyncio.Event()
        self.reads.set()
        self.scope = {
            "type": "http",
            "method": "GET" if body is None else "POST",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"authorization", f"Bearer {key or 'k'}".encode())],
            "client": ("1.2.3.4", 5),
            "server": ("127.0.0.1", 80),
            "scheme": "http",
            "http_version": "1.1",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
        }
        self._body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._asked = False

    async def receive(self) -> dict:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict) -> None:
        await self.reads.wait()
        self.sent.append(message)

    async def run(self) -> Client:
        await self.app(self.scope, self.receive, self.send)
        return self

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def text(self) -> str:
        return b"".join(part.get("body", b"") for part in self.sent[1:]).decode()

    @property
    def pieces(self) -> list[dict]:
        lines = [line[6:] for line in self.text.split("\n\n") if line.startswith("data: {")]
        return [json.loads(line) for line in lines]


def ask(model: Model, path: str, body: Any = None, key: str = "") -> Client:
    return asyncio.run(Client(model, path, body, key).run())


def test_an_answer_has_its_texts_its_reasons_and_what_was_used():
    model = Model()
    answer = json.loads(
        ask(model, "/v1/completions", {**ASK, "prompt": ["a", "b"], "n": 2, "seed": 5}).text
    )
    assert [choice["text"] for choice in answer["choices"]] == [" ".join(WORDS[:8])] * 4
    assert {choice["finish_reason"] for choice in answer["choices"]} == {"length"}
    assert answer["usage"] == {
        "prompt_tokens": 6,
        "completion_tokens": 32,
        "total_tokens": 38,
    }
    assert model.seeds == [5, 6, 5, 6]  # equal prompts differ, and the first is as if alone


def test_a_stream_is_the_same_text_in_pieces():
    client = ask(
        Model(pause=0.03),
        "/v1/chat/completions",
        {
            "model": "m",
            "messages": [{"role": "user", "content": "x"}],
            "max_tokens": 8,
            "stream": True,
            "stream_options": {"include_usage": True},
            "logprobs": True,
        },
    )
    *pieces, last = client.pieces
    deltas = [piece["choices"][0]["delta"] for piece in pieces]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta["content"] for delta in deltas) == " ".join(WORDS[:8])
    assert pieces[-1]["choices"][0]["finish_reason"] == "length"
    odds = [piece["choices"][0]["logprobs"] for piece in pieces]
    assert sum(len(each["content"]) for each in odds if each) == 8
    assert last["usage"]["completion_tokens"] == 8
    assert client.text.endswith("data: [DONE]\n\n")
    assert len({piece["id"] for piece in client.pieces}) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_text_and_what_follows_it_are_never_shown(stream):
    body = {**ASK, "stop": ["or not"], "stream": stream}
    client = ask(Model(pause=0.03, why="stop text"), "/v1/completions", body)
    pieces = client.pieces if stream else [json.loads(client.text)]
    assert "".join(piece["choices"][0]["text"] for piece in pieces) == "to be "
    assert pieces[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("stream", [False, True])
def test_who_hangs_up_has_the_text_dropped(stream):
    model = Model(pause=1.0)

    async def hang_up() -> None:
        client = Client(model, "/v1/completions", {**ASK, "stream": stream})
        running = asyncio.ensure_future(client.run())
        while not model.lives:
            await asyncio.sleep(0.01)
        client.gone.set()
        await asyncio.wait_for(running, 5)

    asyncio.run(hang_up())
    assert model.lives[0].cancelled


def test_a_client_that_stops_reading_delays_nobody():
    model = Model(pause=0.01)

    async def both() -> Client:
        stuck = Client(model, "/v1/completions", {**ASK, "stream": True})
        stuck.reads.clear()
        waiting = asyncio.ensure_future(stuck.run())
        await asyncio.sleep(0.05)
        other = Client(model, "/v1/completions", {**ASK, "stream": True})
        await asyncio.wait_for(other.run(), 5)
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return other

    assert asyncio.run(both()).text.endswith("data: [DONE]\n\n")
    assert all(live.cancelled for live in model.lives)  # the stuck one's work is dropped too


@pytest.mark.parametrize(
    ("path", "body", "key", "status", "code"),
    [
        ("/v1/models", None, "wrong", 401, "invalid_api_key"),
        ("/v1/completions", {**ASK, "model": "nobody"}, "", 404, "model_not_found"),
        ("/v1/nothing", {}, "", 404, "unknown_url"),
        ("/v1/completions", None, "", 405, "unknown_url"),
        ("/v1/completions", b"{", "", 400, None),
        ("/v1/completions", {**ASK, "prompt": "bad"}, "", 400, None),
        ("/v1/completions", {**ASK, "prompt": "busy"}, "", 429, "overloaded"),
        ("/v1/completions", {**ASK, "prompt": "x" * 2_000_000}, "", 413, None),
    ],
)
def test_errors_have_the_protocols_form(path, body, key, status, code):
    client = ask(Model(), path, body, key)
    error = json.loads(client.text)["error"]
    assert client.status == status
    assert error["code"] == code
    assert error["message"]
    assert set(error) == {"message", "type", "param", "code"}


def test_a_text_that_fails_is_an_error_and_not_a_short_text():
    client = ask(Model(why="out of memory"), "/v1/completions", ASK)
    assert client.status == 500
    assert "out of memory" in json.loads(client.text)["error"]["message"]


def test_the_models_are_those_of_the_page():
    listed = json.loads(ask(Model(), "/v1/models").text)["data"]
    assert [model["id"] for model in listed] == ["m", "n"]
    assert json.loads(ask(Model(), "/v1/models/n").text)["id"] == "n"
