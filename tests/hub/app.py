"""The Hub's endpoints over a Store: the ones that huggingface_hub 2.4 asks for, answered as it expects."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, replace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from .metadata import front_matter, problems
from .store import LARGE, Commit, File, HubError, Repo, Store, git_oid

PAGE = 1000


@dataclass(frozen=True)
class Account:
    """Who a token belongs to, and what it may do."""

    name: str
    role: str = "write"
    expired: bool = False
    orgs: tuple[str, ...] = ()


class HubApp:
    def __init__(self) -> None:
        self.store = Store()
        self.accounts: dict[str, Account] = {}
        self.files_host = ""  # another host for large files, as on the real Hub
        api = "/api/{kind:kind}/{owner}/{name}"
        git = "/{owner}/{name}.git/info/lfs/objects/batch"
        resolve = "/{owner}/{name}/resolve/{revision}/{path:path}"
        self.asgi = Starlette(
            exception_handlers={HubError: _refuse},
            routes=[
                Route("/api/whoami-v2", self.whoami),
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
                Route(api + "/runtime", self.runtime),
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

    # Who is asking, and for what

    def account(self, request: Request) -> Account | None:
        header = request.headers.get("authorization")
        if header is None:
            return None
        account = self.accounts.get(header.removeprefix("Bearer "))
        if account is None:
            raise HubError(401, "Invalid credentials in Authorization header")
        if account.expired:
            raise HubError(401, f'User Access Token "{account.name}" is expired')
        return account

    def repo(self, request: Request, *, write: bool = False, content: bool = False) -> Repo:
        at = request.path_params
        kind = at.get("kind", "model")
        account = self.account(request)
        repo = self.store.repos.get((kind, f"{at['owner']}/{at['name']}"))
        owns = account is not None and repo is not None and _owns(account, at["owner"])
        if repo is None or (repo.private and not owns):
            raise HubError(404 if account else 401, "Repository not found", "RepoNotFound")
        if content and repo.gated and not (owns or (account and account.name in repo.visitors)):
            raise HubError(
                403 if account else 401,
                f"Access to {kind} {repo.id} is restricted. You must have access to it.",
                "GatedRepo",
            )
        if write and account is None:
            raise HubError(401, "Invalid username or password.")
        if write and not (owns and account and account.role == "write"):
            raise HubError(
                403, "Forbidden: you must use a write token with access to this repository"
            )
        return repo

    async def whoami(self, request: Request) -> Response:
        account = self.account(request)
        if account is None:
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

    async def harnesses(self, request: Request) -> Response:
        return JSONResponse({"standardEnvVars": [], "harnesses": {}})

    async def readable(self, request: Request) -> Response:
        self.repo(request, content=True)
        return JSONResponse({})

    async def writable(self, request: Request) -> Response:
        self.repo(request, write=True)
        return JSONResponse({})

    # Repositories

    async def create(self, request: Request) -> Response:
        account, asked = self.account(request), await request.json()
        kind = asked.get("type") or "model"
        if account is None:
            raise HubError(401, "Invalid username or password.")
        owner = asked.get("organization") or account.name
        if account.role != "write" or not _owns(account, owner):
            raise HubError(
                403,
                f"You don't have the rights to create a {kind} under the namespace {owner!r}",
            )
        repo_id = f"{owner}/{asked['name']}"
        url = f"{_host(request)}/{'' if kind == 'model' else kind + 's/'}{repo_id}"
        if (kind, repo_id) in self.store.repos:
            return _error(409, f"You already created this {kind} repo", extra={"url": url})
        private = asked.get("private") or asked.get("visibility") == "private"
        repo = self.store.create(kind, repo_id, private=private, sdk=asked.get("sdk"))
        repo.hardware = asked.get("hardware") or (kind == "space" and "cpu-basic") or None
        repo.secrets.update({item["key"]: item["value"] for item in asked.get("secrets") or []})
        repo.variables.update({item["key"]: item["value"] for item in asked.get("variables") or []})
        return JSONResponse({"url": url, "name": repo_id, "id": repo_id})

    async def delete(self, request: Request) -> Response:
        asked = await request.json()
        owner, kind = asked["organization"], asked.get("type") or "model"
        request.path_params.update(kind=kind, owner=owner, name=asked["name"])
        repo = self.repo(request, write=True)
        del self.store.repos[kind, repo.id]
        return JSONResponse({})

    async def info(self, request: Request) -> Response:
        repo = self.repo(request)
        commit = repo.at(request.path_params.get("revision", "main"))
        readme = commit.tree.get("README.md")
        card = front_matter(readme.content.decode()) if readme else None
        siblings = [
            {"rfilename": path, "size": file.size, "blobId": file.oid}
            | ({"lfs": file.describe(path)["lfs"] | {"sha256": file.sha256}} if file.sha256 else {})
            for path, file in commit.tree.items()
        ]
        if "blobs" not in request.query_params:
            siblings = [{"rfilename": entry["rfilename"]} for entry in siblings]
        return JSONResponse(
            {
                "_id": repo.id,
                "id": repo.id,
                "author": repo.id.split("/")[0],
                "sha": commit.sha,
                "private": repo.private,
                "gated": "manual" if repo.gated else False,
                "tags": (card or {}).get("tags", []),
                "cardData": card,
                "siblings": siblings,
                "lastModified": _stamp(commit),
                "createdAt": _stamp(commit),
            }
            | ({"sdk": repo.sdk, "runtime": _runtime(repo)} if repo.kind == "space" else {})
        )

    async def tree(self, request: Request) -> Response:
        repo = self.repo(request, content=True)
        commit = repo.at(request.path_params["revision"])
        folder = request.path_params.get("folder", "")
        inside = folder + "/" if folder else ""
        files = {path: file for path, file in commit.tree.items() if path.startswith(inside)}
        if folder and not files:
            raise HubError(404, f"{folder} does not exist", "EntryNotFound")
        entries = [file.describe(path) for path, file in sorted(files.items())]
        if request.query_params.get("recursive") != "true":
            deeper = {
                path[len(inside) :].split("/")[0] for path in files if "/" in path[len(inside) :]
            }
            entries = [entry for entry in entries if "/" not in entry["path"][len(inside) :]]
            entries += [
                {"type": "directory", "path": inside + name, "oid": "0" * 40, "size": 0}
                for name in sorted(deeper)
            ]
        start = int(request.query_params.get("cursor", 0))
        following = {}
        if start + PAGE < len(entries):
            url = request.url.include_query_params(cursor=start + PAGE)
            following = {"Link": f'<{url}>; rel="next"'}
        page = entries[start : start + PAGE]
        return JSONResponse(_misreport(request, page), headers=following)

    async def paths(self, request: Request) -> Response:
        repo = self.repo(request, content=True)
        wanted = (await request.form()).getlist("paths")
        files = repo.at(request.path_params["revision"]).tree
        found = [files[path].describe(path) for path in wanted if path in files]
        return JSONResponse(_misreport(request, found))

    async def refs(self, request: Request) -> Response:
        repo = self.repo(request)

        def listed(refs: dict[str, Commit], folder: str) -> list[dict]:
            return [
                {"name": name, "ref": f"refs/{folder}/{name}", "targetCommit": commit.sha}
                for name, commit in refs.items()
            ]

        return JSONResponse(
            {
                "branches": listed(repo.branches, "heads"),
                "converts": [],
                "tags": listed(repo.tags, "tags"),
                "pullRequests": [],
            }
        )

    async def history(self, request: Request) -> Response:
        commits = self.repo(request).at(request.path_params["revision"]).ancestry()
        return JSONResponse(
            [
                {
                    "id": commit.sha,
                    "title": commit.title,
                    "message": commit.message,
                    "authors": [{"user": commit.author}],
                    "date": _stamp(commit),
                }
                for commit in commits
            ]
        )

    async def branch(self, request: Request) -> Response:
        repo, ref = self.repo(request, write=True), request.path_params["ref"]
        if request.method == "DELETE":
            if ref == "main":
                raise HubError(403, "main cannot be deleted")
            if repo.branches.pop(ref, None) is None:
                raise HubError(404, f"Branch {ref} not found", "RevisionNotFound")
        elif ref in repo.branches:
            raise HubError(409, f"Reference already exists: refs/heads/{ref}")
        else:
            asked = await request.json() if await request.body() else {}
            repo.branches[ref] = repo.at(asked.get("startingPoint", "main"))
        return JSONResponse({})

    async def tag(self, request: Request) -> Response:
        repo, ref = self.repo(request, write=True), request.path_params["ref"]
        if request.method == "DELETE":
            if repo.tags.pop(ref, None) is None:
                raise HubError(404, f"Tag {ref} not found", "RevisionNotFound")
            return JSONResponse({})
        name = (await request.json())["tag"]
        if name in repo.tags:
            raise HubError(409, f"Tag reference exists already: {name}")
        repo.tags[name] = repo.at(ref)
        return JSONResponse({})

    # Writing

    async def validate(self, request: Request) -> Response:
        asked = await request.json()
        errors, warnings = problems(asked["content"], asked.get("repoType", "model"))
        body = {
            "errors": [{"message": message} for message in errors],
            "warnings": [{"message": message} for message in warnings],
        }
        if errors:
            return _error(400, "Invalid metadata", extra=body)
        return JSONResponse(body)

    async def preupload(self, request: Request) -> Response:
        repo = self.repo(request, write=True)
        tree = repo.at(request.path_params["revision"]).tree
        answer = []
        for asked in (await request.json())["files"]:
            path = asked["path"]
            large = path.endswith(LARGE) or b"\0" in base64.b64decode(asked["sample"])
            here = {"oid": tree[path].etag} if path in tree else {}
            mode = "lfs" if large or asked["size"] > 10_000_000 else "regular"
            answer.append({"path": path, "uploadMode": mode, "shouldIgnore": False} | here)
        return JSONResponse({"files": answer})

    async def batch(self, request: Request) -> Response:
        repo = self.repo(request, write=True)
        objects = []
        for asked in (await request.json())["objects"]:
            entry = {"oid": asked["oid"], "size": asked["size"]}
            if not self.store.holds(asked["oid"]):
                path = f"/lfs/{repo.id}/{asked['oid']}"
                check = {"href": f"{_host(request)}{path}/verify"}
                entry["actions"] = {"upload": {"href": self.files_host + path}, "verify": check}
            objects.append(entry)
        return JSONResponse({"transfer": "basic", "objects": objects})

    async def upload(self, request: Request) -> Response:
        _no_token(request)
        data = await request.body()
        if fault(request) == "corrupt-upload" and data:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.store.objects[request.path_params["sha256"]] = data
        return Response()

    async def verify(self, request: Request) -> Response:
        """Sizes only: that is what the protocol promises, so a client has to look at the bytes itself."""
        asked = await request.json()
        if len(self.store.objects.get(asked["oid"], b"")) != asked["size"]:
            raise HubError(400, "Upload is incomplete")
        return JSONResponse({})

    async def commit(self, request: Request) -> Response:
        repo, branch = self.repo(request, write=True), request.path_params["revision"]
        lines = [json.loads(line) for line in (await request.body()).splitlines() if line]
        header = lines[0]["value"]
        if branch not in repo.branches:
            raise HubError(404, f"Invalid rev id: {branch}", "RevisionNotFound")
        if fault(request) == "stale-parent":
            tree = repo.branches[branch].tree | {"by-hand.txt": File.small(b"someone was here\n")}
            repo.commit(branch, tree, "Upload by-hand.txt", author="someone")
        head = repo.branches[branch]
        if header.get("parentCommit", head.sha) != head.sha:
            raise HubError(412, "A commit has happened since. Please refresh and try again.")
        tree = dict(head.tree)
        for line in lines[1:]:
            self._apply(tree, line["key"], line["value"], fault(request) == "corrupt-upload")
        if "README.md" in tree and tree["README.md"] != head.tree.get("README.md"):
            errors, _ = problems(tree["README.md"].content.decode(), repo.kind)
            if errors:
                raise HubError(400, "; ".join(errors))
        made = repo.commit(
            branch,
            tree,
            header["summary"],
            header.get("description", ""),
            self.account(request).name,  # type: ignore[union-attr]
        )
        url = f"{_host(request)}/{repo.id}/commit/{made.sha}"
        return JSONResponse({"success": True, "commitOid": made.sha, "commitUrl": url})

    def _apply(self, tree: dict[str, File], key: str, value: dict, corrupt: bool) -> None:
        path = value["path"]
        if path.startswith("/") or {"..", ".", ".git"} & set(path.split("/")):
            raise HubError(400, f"Invalid path: {path}")
        if key == "file":
            content = base64.b64decode(value["content"])
            if corrupt and content:
                content = content[:-1] + bytes([content[-1] ^ 1])
            tree[path] = File.small(content)
        elif key == "lfsFile":
            if value["oid"] not in self.store.objects:
                raise HubError(400, f"LFS object {value['oid']} does not exist")
            tree[path] = File.large(value["oid"], len(self.store.objects[value["oid"]]))
        elif key == "deletedFile":
            if tree.pop(path, None) is None:
                raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")
        elif key == "deletedFolder":
            for inside in [name for name in tree if name.startswith(path.rstrip("/") + "/")]:
                del tree[inside]
        else:
            raise HubError(400, f"Unknown operation {key}")

    # Reading

    async def resolve(self, request: Request) -> Response:
        repo = self.repo(request, content=True)
        at = request.path_params
        commit, file = repo.file(at["revision"], at["path"])
        etag = "0" * len(file.etag) if fault(request) == "wrong-hash" else file.etag
        headers = {"X-Repo-Commit": commit.sha, "ETag": f'"{etag}"'}
        if file.sha256:
            linked = {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(file.size)}
            url = f"{self.files_host}/lfs/{repo.id}/{file.sha256}"
            return RedirectResponse(url, 302, headers=headers | linked)
        return _content(request, file.content, headers)

    async def download(self, request: Request) -> Response:
        _no_token(request)
        data = self.store.objects.get(request.path_params["sha256"])
        if data is None:
            raise HubError(404, "No such object")
        etag = hashlib.sha256(data).hexdigest()
        return _content(request, data, {"ETag": f'"{etag}"'})

    # Spaces

    async def runtime(self, request: Request) -> Response:
        return JSONResponse(_runtime(self.repo(request)))

    async def hardware(self, request: Request) -> Response:
        repo = self.repo(request, write=True)
        repo.hardware = (await request.json())["flavor"]
        return JSONResponse(_runtime(repo))

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


def fault(request: Request) -> str | None:
    """What the fault layer asks this very request to get wrong (see faults.py)."""
    return request.scope.get("fault")


def _owns(account: Account, owner: str) -> bool:
    return owner == account.name or owner in account.orgs


def _host(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _stamp(commit: Commit) -> str:
    return commit.date.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _runtime(repo: Repo) -> dict:
    hardware = {"current": repo.hardware, "requested": repo.hardware}
    return {"stage": "RUNNING", "hardware": hardware, "gcTimeout": None, "storage": None}


def _no_token(request: Request) -> None:
    """Large files live on another host, and a token must not travel there."""
    if "authorization" in request.headers:
        raise HubError(400, "Only one auth mechanism allowed")


def _misreport(request: Request, entries: list[dict]) -> list[dict]:
    if fault(request) != "wrong-hash" or not entries:
        return entries
    wrong = dict(entries[-1], oid=git_oid(b"something else"))
    if "lfs" in wrong:
        wrong["lfs"] = dict(wrong["lfs"], oid=hashlib.sha256(b"something else").hexdigest())
    return [*entries[:-1], wrong]


def _content(request: Request, data: bytes, headers: dict[str, str]) -> Response:
    """A body, or the range of it that was asked for."""
    headers = headers | {"Accept-Ranges": "bytes"}
    asked = request.headers.get("range", "")
    if not asked.startswith("bytes="):
        return Response(data, headers=headers)
    first, last = asked.removeprefix("bytes=").split("-")
    start = int(first) if first else len(data) - int(last)
    end = min(int(last) + 1 if first and last else len(data), len(data))
    if start >= len(data):
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    return Response(data[start:end], 206, headers=headers)


def _error(status: int, message: str, extra: dict | None = None, **headers: str) -> Response:
    body = {"error": message} | (extra or {})
    return JSONResponse(body, status, headers={"X-Error-Message": message} | headers)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HubError)
    code = {"X-Error-Code": error.code} if error.code else {}
    return _error(error.status, error.message, **(code | error.headers))
