"""The addresses: `models`, `completions` and `chat/completions`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from compare.roster import Roster
from compare.v1 import asked, texts
from compare.v1.asked import Asked
from compare.v1.errors import ApiError
from compare.v1.guard import Guard
from compare.v1.replies import Reply
from compare.v1.texts import Text
from compare.values import BusyError, LogOdds, RefusedError

KEY, RATE = "TINYGPT_API_KEY", "TINYGPT_RATE"  # variables
A_MINUTE = 600  # requests of one client, unless the variable says otherwise
_LARGEST = 1 << 20  # bytes of a request
_LONGEST = 180.0  # seconds that a client may take to read an answer

Handler = Callable[[Request], Awaitable[Response]]


def routes(roster: Roster, key: str | None = None) -> list[Mount]:
    """To be mounted next to the page. The key comes from the flag or from the variable."""
    v1 = V1(roster, Guard(key or os.environ.get(KEY), int(os.environ.get(RATE, A_MINUTE))))
    inner = Starlette(
        routes=[
            Route("/models", v1.guarded(v1.models)),
            Route("/models/{name:path}", v1.guarded(v1.model)),
            Route("/completions", v1.guarded(v1.completions), methods=["POST"]),
            Route("/chat/completions", v1.guarded(v1.chat), methods=["POST"]),
        ],
        exception_handlers={HTTPException: _no_such_address},
    )
    return [Mount("/v1", app=inner)]


async def _no_such_address(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    where = f"{request.method} {request.url.path}"
    return ApiError(f"There is no {where} here.", status=status, code="unknown_url").response()


class V1:
    def __init__(self, roster: Roster, guard: Guard) -> None:
        self._roster, self._guard = roster, guard

    def guarded(self, handler: Handler) -> Handler:
        """Checks who asks; errors are answered in the protocol's form."""

        async def answer(request: Request) -> Response:
            try:
                self._guard.check(request)
                return await handler(request)
            except ApiError as error:
                return error.response()
            except BusyError as busy:
                return ApiError(str(busy), status=429, code="overloaded", retry_after=1).response()
            except RefusedError as refusal:
                return ApiError(str(refusal)).response()

        return answer

    async def models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": list(map(_named, self._roster.names))})

    async def model(self, request: Request) -> Response:
        name = request.path_params["name"]
        await self._contestant(name)
        return JSONResponse(_named(name))

    async def completions(self, request: Request) -> Response:
        want = asked.read(await _json(request), "completions")
        who = await self._contestant(want.model)
        reply = Reply("completions", want.model)
        if want.echo:
            return JSONResponse(await _echo(who, want, reply))
        prompts = [prompt for prompt in want.prompts for _ in range(want.n)]
        return await self._write(request, who.start, prompts, want, reply)

    async def chat(self, request: Request) -> Response:
        want = asked.read(await _json(request), "chat")
        who = await self._contestant(want.model)
        reply = Reply("chat", want.model)
        return await self._write(request, who.reply, [want.talk] * want.n, want, reply)

    async def _write(
        self,
        request: Request,
        start: Callable[..., Any],
        prompts: Sequence[Any],
        want: Asked,
        reply: Reply,
    ) -> Response:
        written = await asyncio.to_thread(_start, start, prompts, want)
        if want.stream:
            return _Stream(_pieces(written, want, reply), written)
        try:
            await _until_done(request, written)
            choices = [
                reply.choice(i, text.whole(), text.finish, _odds(want, text))
                for i, text in enumerate(written)
            ]
            return JSONResponse(reply.whole(choices, texts.usage(written, _read(written, want))))
        finally:
            texts.cancel(written)

    async def _contestant(self, name: str) -> Any:
        try:
            return await self._roster.arrive(name)
        except RefusedError as refusal:
            raise ApiError(
                f"The model {name!r} is not available: {refusal}",
                status=404,
                param="model",
                code="model_not_found",
            ) from None


def _named(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "tinygpt-hf"}


async def _json(request: Request) -> Any:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise ApiError(f"The request is larger than {_LARGEST:,} bytes.", status=413)
    try:
        return json.loads(body)
    except ValueError:
        raise ApiError("The body is not JSON.") from None


def _start(start: Callable[..., Any], prompts: Sequence[Any], want: Asked) -> list[Text]:
    """All texts of a request, or none. Equal prompts get different seeds."""
    written: list[Text] = []
    try:
        for number, prompt in enumerate(prompts):
            live = start(prompt, want.sampling.with_seed(number % want.n), want.extras)
            written.append(Text(live, want.extras.stop))
    except Exception:
        texts.cancel(written)
        raise
    return written


async def _until_done(request: Request, written: list[Text]) -> None:
    """Waits until all is written, or the client has gone."""
    done = asyncio.ensure_future(texts.all_written(written))
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({done, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise ApiError("The client has gone.", status=499)
        done.result()
    finally:
        done.cancel()
        gone.cancel()


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _odds(want: Asked, text: Text) -> list[LogOdds] | None:
    return None if want.extras.likeliest is None else text.live.log_odds()


def _read(written: list[Text], want: Asked) -> int:
    """Tokens of the prompts, each counted once."""
    return sum(text.live.prompt for text in written[:: want.n])


async def _pieces(written: list[Text], want: Asked, reply: Reply) -> AsyncIterator[str]:
    if reply.chat:
        for number in range(len(written)):
            yield _event(reply.piece([reply.opening(number)]))
    try:
        async for number, new, finish in texts.as_written(written):
            odds = None if want.extras.likeliest is None else written[number].more_odds()
            yield _event(reply.piece([reply.delta(number, new, finish, odds)]))
    except ApiError as error:
        yield _event(error.body())
        return
    if want.usage:
        yield _event(reply.piece([], texts.usage(written, _read(written, want))))
    yield "data: [DONE]\n\n"


def _event(piece: dict) -> str:
    return f"data: {json.dumps(piece)}\n\n"


class _Stream(StreamingResponse):
    """However it ends, even if the client hangs up or stops reading, its texts end as well."""

    def __init__(self, pieces: AsyncIterator[str], written: list[Text]) -> None:
        super().__init__(pieces, media_type="text/event-stream")
        self.headers["cache-control"] = "no-cache"
        self._written = written

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(_LONGEST):
                await super().__call__(scope, receive, send)
        except TimeoutError:
            pass  # the connection ends without its last piece
        finally:
            texts.cancel(self._written)


async def _echo(who: Any, want: Asked, reply: Reply) -> dict[str, Any]:
    """The prompts themselves and, where asked for, how likely each token of them is."""
    choices, read, wrote = [], 0, 0
    for number, prompt in enumerate(want.prompts):
        written: list[Text] = []
        odds = await asyncio.to_thread(who.read, prompt, want.extras.likeliest or 0)
        text, finish, read = "".join(of.token for of in odds), "length", read + len(odds)
        if isinstance(prompt, str):
            text = prompt
        if want.new:
            written = await asyncio.to_thread(_start, who.start, [prompt], want)
            await texts.all_written(written)
            text, finish = text + written[0].whole(), written[0].finish or "length"
            odds, wrote = odds + (_odds(want, written[0]) or []), wrote + written[0].tokens
        shown = None if want.extras.likeliest is None else odds
        choices.append(reply.choice(number, text, finish, shown))
    counted = {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}
    return reply.whole(choices, counted)
