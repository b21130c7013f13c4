"""A Space's life on the Hub: it builds, starts, runs and writes logs, as a test wants it to."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from .reading import Reading, runtime_of
from .store import Repo

QUICK = ("BUILDING", "APP_STARTING", "RUNNING")


@dataclass
class Life:
    """What the Hub tells of a Space, one stage each time it is asked, after each change.

    A change is noticed late, as on the real Hub: for `stale` looks it tells of the version before.
    """

    host: str | None = None
    stages: tuple[str, ...] = QUICK
    stale: int = 0
    build_log: list[str] = field(default_factory=lambda: ["Installing", "Built"])
    run_log: list[str] = field(default_factory=lambda: ["Running on local URL"])
    error: str | None = None
    tells_sha: bool = True
    running: str | None = None  # the commit that answers
    restarts: int = 0
    _seen: tuple = ()
    _left: list[str] = field(default_factory=list)

    def look(self, repo: Repo) -> dict:
        state = (repo.branches["main"].sha, tuple(repo.variables.items()), self.restarts)
        if state != self._seen:
            before = ["RUNNING"] * self.stale if self.running else []
            self._seen, self._left = state, [*before, *self.stages]
        stage = self._left[0]
        if len(self._left) > 1:
            self._left.pop(0)
        elif stage not in ("BUILD_ERROR", "CONFIG_ERROR"):
            self.running = state[0]
        told = runtime_of(repo) | {"stage": stage, "replicas": {"current": 1, "requested": 1}}
        if self.tells_sha and self.running:
            told["sha"] = self.running
        if self.error and stage.endswith("ERROR"):
            told["errorMessage"] = self.error
        return told


def life_of(repo: Repo) -> Life:
    return vars(repo).setdefault("life", Life())


class Spaces(Reading):
    """What the Hub tells of a Space beside its files."""

    def space_routes(self, api: str) -> list[BaseRoute]:
        return [
            Route(api + "/runtime", self.life),
            Route(api + "/restart", self.restart, methods=["POST"]),
            Route(api + "/logs/{which}", self.logs),
        ]

    async def info(self, request: Request) -> Response:
        answer = await super().info(request)
        if request.path_params["kind"] != "space":
            return answer
        told = json.loads(bytes(answer.body))
        return JSONResponse(told | {"host": life_of(self.repo(request)).host})

    async def life(self, request: Request) -> Response:
        repo = self.repo(request)
        return JSONResponse(life_of(repo).look(repo))

    async def restart(self, request: Request) -> Response:
        repo = self.repo(request, write=True)
        life_of(repo).restarts += 1
        return JSONResponse(life_of(repo).look(repo))

    async def logs(self, request: Request) -> Response:
        """Server-sent events; the real Hub shows logs to those who may write."""
        life = life_of(self.repo(request, write=True))
        lines = life.build_log if request.path_params["which"] == "build" else life.run_log
        stamp = "2025-01-01T00:00:00.000Z"
        events = [json.dumps({"data": f"{line}\n", "timestamp": stamp}) for line in lines]
        body = "".join(f"data: {event}\n\n" for event in ["", *events])
        return Response(body, media_type="text/event-stream")
