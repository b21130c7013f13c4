"""Making repositories, uploading, committing, and the refs."""

from __future__ import annotations

import base64
import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .access import Access, fault, host, owns_namespace, refusal
from .metadata import problems
from .reading import no_token
from .store import LARGE, File, HubError


class Writing(Access):
    async def create(self, request: Request) -> Response:
        account, asked = self.account(request), await request.json()
        kind = asked.get("type") or "model"
        if account is None:
            raise HubError(401, "Invalid username or password.")
        owner = asked.get("organization") or account.name
        if account.only or account.role != "write" or not owns_namespace(account, owner):
            raise HubError(
                403,
                f"You don't have the rights to create a {kind} under the namespace {owner!r}",
            )
        repo_id = f"{owner}/{asked['name']}"
        url = f"{host(request)}/{'' if kind == 'model' else kind + 's/'}{repo_id}"
        if (kind, repo_id) in self.store.repos:
            return refusal(409, f"You already created this {kind} repo", extra={"url": url})
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

    async def validate(self, request: Request) -> Response:
        asked = await request.json()
        errors, warnings = problems(asked["content"], asked.get("repoType", "model"))
        body = {
            "errors": [{"message": message} for message in errors],
            "warnings": [{"message": message} for message in warnings],
        }
        if errors:
            return refusal(400, "Invalid metadata", extra=body)
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
                check = {"href": f"{host(request)}{path}/verify"}
                entry["actions"] = {"upload": {"href": self.files_host + path}, "verify": check}
            objects.append(entry)
        return JSONResponse({"transfer": "basic", "objects": objects})

    async def upload(self, request: Request) -> Response:
        no_token(request)
        data = await request.body()
        if fault(request) == "corrupt-upload" and data:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.store.objects[request.path_params["sha256"]] = data
        return Response()

    async def verify(self, request: Request) -> Response:
        """Sizes only: the protocol promises no more, so a client has to look for itself."""
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
        url = f"{host(request)}/{repo.id}/commit/{made.sha}"
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
