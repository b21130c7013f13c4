"""Looking at repositories and downloading from them."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from .access import Access, fault
from .metadata import front_matter
from .store import Commit, HubError, Repo, git_oid

PAGE = 1000
ANYBODY = {"Access-Control-Allow-Origin": "*"}  # a page of another origin may read files


class Reading(Access):
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
            | ({"sdk": repo.sdk, "runtime": runtime_of(repo)} if repo.kind == "space" else {})
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

    async def resolve(self, request: Request) -> Response:
        repo = self.repo(request, content=True)
        at = request.path_params
        commit, file = repo.file(at["revision"], at["path"])
        etag = "0" * len(file.etag) if fault(request) == "wrong-hash" else file.etag
        headers = {"X-Repo-Commit": commit.sha, "ETag": f'"{etag}"'} | ANYBODY
        if file.sha256:
            linked = {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(file.size)}
            url = f"{self.files_host}/lfs/{repo.id}/{file.sha256}"
            return RedirectResponse(url, 302, headers=headers | linked)
        return _content(request, file.content, headers)

    async def download(self, request: Request) -> Response:
        no_token(request)
        data = self.store.objects.get(request.path_params["sha256"])
        if data is None:
            raise HubError(404, "No such object")
        etag = hashlib.sha256(data).hexdigest()
        return _content(request, data, {"ETag": f'"{etag}"'} | ANYBODY)


def _stamp(commit: Commit) -> str:
    return commit.date.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def runtime_of(repo: Repo) -> dict:
    hardware = {"current": repo.hardware, "requested": repo.hardware}
    return {"stage": "RUNNING", "hardware": hardware, "gcTimeout": None, "storage": None}


def no_token(request: Request) -> None:
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
    if not asked.startswith("bytes=") or fault(request) == "no-range":
        return Response(data, headers=headers)
    first, last = asked.removeprefix("bytes=").split("-")
    start = int(first) if first else len(data) - int(last)
    end = min(int(last) + 1 if first and last else len(data), len(data))
    if start >= len(data):
        return Response(status_code=416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    return Response(data[start:end], 206, headers=headers)
