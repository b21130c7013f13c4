"""The Hub's endpoints over a Store: those that huggingface_hub 2.4 asks for, as it expects them."""

from __future__ import annotations

import secrets

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .access import Account, refusal
from .reading import runtime_of
from .spaces import Spaces
from .store import HubError
from .writing import Writing


class HubApp(Spaces, Writing):
    def __init__(self) -> None:
        super().__init__()
        self.trusted: dict[str, str] = {}  # which job's identity a repository trusts
        api = "/api/{kind:kind}/{owner}/{name}"
        git = "/{owner}/{name}.git/info/lfs/objects/batch"
        resolve = "/{owner}/{name}/resolve/{revision}/{path:path}"
        self.asgi = Starlette(
            exception_handlers={HubError: _refuse},
            routes=[
                Route("/api/whoami-v2", self.whoami),
                Route("/oauth/token", self.exchange, methods=["POST"]),
                Route("/api/agent-harnesses", self.harnesses),
                Route("/api/validate-yaml", self.validate, methods=["POST"]),
                Route("/api/repos/create", self.create, methods=["POST"]),
                Route("/api/repos/delete", self.delete, methods=["DELETE"]),
                Route(api, self.info),
                Route(api + "/revision/{revision:path}", self.info),
                Route(api + "/tree/{revision}", self.tree),
                Route(api + "/tree/{revision}/{folder:path}", self.tree),
                Route(api + "/paths-info/{revision:path}", self.paths, methods=["POST"]),
                Route(api + "/refs", self.refs),
                Route(api + "/commits/{revision:path}", self.history),
                Route(api + "/auth-check", self.readable),
                Route(api + "/auth-check/write", self.writable),
                Route(api + "/preupload/{revision:path}", self.preupload, methods=["POST"]),
                Route(api + "/commit/{revision:path}", self.commit, methods=["POST"]),
                Route(api + "/branch/{ref:path}", self.branch, methods=["POST", "DELETE"]),
                Route(api + "/tag/{ref:path}", self.tag, methods=["POST", "DELETE"]),
                *self.space_routes(api),
                Route(api + "/hardware", self.hardware, methods=["POST"]),
                Route(api + "/{setting:setting}", self.settings, methods=["GET", "POST", "DELETE"]),
                Route(git, self.batch, methods=["POST"]),
                Route("/{kind:kind}" + git, self.batch, methods=["POST"]),
                Route("/lfs/{owner}/{name}/{sha256}", self.upload, methods=["PUT"]),
                Route("/lfs/{owner}/{name}/{sha256}/verify", self.verify, methods=["POST"]),
                Route("/lfs/{owner}/{name}/{sha256}", self.download),
                Route("/{kind:kind}" + resolve, self.resolve),
                Route(resolve, self.resolve),
            ],
        )

    async def whoami(self, request: Request) -> Response:
        account = self.account(request)
        if account is None or account.only:
            raise HubError(401, "Invalid username or password.")
        token = {"displayName": "a token", "role": account.role}
        return JSONResponse(
            {
                "type": "user",
                "id": account.name,
                "name": account.name,
                "fullname": account.name,
                "orgs": [{"name": name, "roleInOrg": "write"} for name in account.orgs],
                "auth": {"type": "access_token", "accessToken": token},
            }
        )

    async def exchange(self, request: Request) -> Response:
        """A job of a CI proves who it is, and gets a token for the repository that trusts it."""
        asked = await request.json()
        resource = asked["resource"]
        if self.trusted.get(resource) != asked["subject_token"]:
            raise HubError(400, "invalid_grant: no trusted publisher matches this token")
        token = f"hf_jwt_{secrets.token_hex(40)}"
        self.accounts[token] = Account(resource.split("/")[0], only=resource)
        answer = {"access_token": token, "token_type": "bearer", "expires_in": 3600}
        return JSONResponse(answer)

    async def harnesses(self, request: Request) -> Response:
        return JSONResponse({"standardEnvVars": [], "harnesses": {}})

    async def readable(self, request: Request) -> Response:
        self.repo(request, content=True)
        return JSONResponse({})

    async def writable(self, request: Request) -> Response:
        self.repo(request, write=True)
        return JSONResponse({})

    async def hardware(self, request: Request) -> Response:
        repo = self.repo(request, write=True)
        repo.hardware = (await request.json())["flavor"]
        return JSONResponse(runtime_of(repo))

    async def settings(self, request: Request) -> Response:
        """A Space's secrets, which are never shown again, and its variables, which are."""
        repo, secret = self.repo(request, write=True), request.path_params["setting"] == "secrets"
        kept = repo.secrets if secret else repo.variables
        if request.method == "POST":
            asked = await request.json()
            kept[asked["key"]] = asked["value"]
        elif request.method == "DELETE":
            kept.pop((await request.json())["key"], None)
        shown = {
            key: {"key": key, "description": None, "updatedAt": "2025-01-01T00:00:00.000Z"}
            | ({} if secret else {"value": value})
            for key, value in kept.items()
        }
        return JSONResponse(shown)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HubError)
    code = {"X-Error-Code": error.code} if error.code else {}
    return refusal(error.status, error.message, **(code | error.headers))
