"""Who is asking, what for, and how an answer or a refusal is written."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .store import HubError, Repo, Store


@dataclass(frozen=True)
class Account:
    """Who a token belongs to, and what it may do."""

    name: str
    role: str = "write"
    expired: bool = False
    orgs: tuple[str, ...] = ()
    only: str | None = None  # of a CI job, which is nobody and may write to one repository


class Access:
    """What every group of endpoints knows: the store, the accounts, and where large files live."""

    def __init__(self) -> None:
        self.store = Store()
        self.accounts: dict[str, Account] = {}
        self.files_host = ""  # another host for large files, as on the real Hub

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
        owns = account is not None and repo is not None and owns_namespace(account, at["owner"])
        owns = owns and (account.only in (None, repo.id))  # type: ignore[union-attr]
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


def fault(request: Request) -> str | None:
    """What the fault layer asks this very request to get wrong (see faults.py)."""
    return request.scope.get("fault")


def owns_namespace(account: Account, owner: str) -> bool:
    return owner == account.name or owner in account.orgs


def host(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def refusal(status: int, message: str, extra: dict | None = None, **headers: str) -> Response:
    body = {"error": message} | (extra or {})
    return JSONResponse(body, status, headers={"X-Error-Message": message} | headers)
