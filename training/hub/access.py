"""Before anything is written: who asks, what is there, whether it may be changed. Reads only."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from training.hub.commit import MARK, Tree, tree_at
from training.hub.errors import TOKENS, PublishError, one_line, patiently

BRANCH = "tinygpt-candidate"  # where a version is tried before it goes to `main`


@dataclass(frozen=True)
class Place:
    """A repository as it was found."""

    repo_id: str
    exists: bool = False
    private: bool = True
    head: str | None = None
    tree: Tree = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


def look(
    api: HfApi, repo_id: str, *, repo_type: str = "model", into_existing: bool = False
) -> Place:
    """The repository, if this token may write to it; else one clear line about why not."""
    with one_line(repo_id):
        _check_name(repo_id)
        _check_owner(_who(api), repo_id)
        return _look(api, repo_id, repo_type, into_existing)


def _check_name(repo_id: str) -> None:
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise PublishError(f"{repo_id!r} is not a name for a repository: {error}") from None
    if "/" not in repo_id:
        raise PublishError(f"{repo_id!r} does not say whose it is: write USER/{repo_id}")


def _who(api: HfApi) -> dict:
    if not get_token():
        raise PublishError(
            f"no access token: make one that may write at {TOKENS}, "
            "then run `hf auth login` or set HF_TOKEN"
        )
    try:
        user = patiently(api.whoami)
    except HfHubHTTPError as error:
        if error.response.status_code != 401:
            raise
        raise PublishError(
            f"the Hub refuses the access token, as wrong or expired: make a new one at {TOKENS}"
        ) from None
    role = user.get("auth", {}).get("accessToken", {}).get("role")
    if role == "read":
        raise PublishError(
            f"the access token of {user['name']} may only read: make one that may write at {TOKENS}"
        )
    return user


def _check_owner(user: dict, repo_id: str) -> None:
    owner, name = repo_id.split("/")
    mine = [user["name"], *(org["name"] for org in user.get("orgs", []))]
    if owner not in mine:
        raise PublishError(
            f"{user['name']} may not write to {repo_id}: "
            f"the owner must be {' or '.join(mine)}, as in {user['name']}/{name}"
        )


def _look(api: HfApi, repo_id: str, repo_type: str, into_existing: bool) -> Place:
    try:
        info = patiently(lambda: api.repo_info(repo_id, repo_type=repo_type, revision="main"))
        patiently(lambda: api.auth_check(repo_id, repo_type=repo_type, write=True))
    except GatedRepoError:
        raise PublishError(f"{repo_id} is gated, and this account is not let in") from None
    except RepositoryNotFoundError:
        return Place(repo_id)
    except HfHubHTTPError as error:
        if error.response.status_code not in (401, 403):
            raise
        raise PublishError(
            f"this token may not write to {repo_id}: give it write access at {TOKENS}"
        ) from None
    tree = tree_at(api, repo_id, str(info.sha), repo_type)
    refs = patiently(lambda: api.list_repo_refs(repo_id, repo_type=repo_type))
    branches = [ref.name for ref in refs.branches if ref.name in ("main", BRANCH)]
    if not into_existing and not _made_here(api, repo_id, repo_type, tree, branches):
        raise PublishError(
            f"{repo_id} exists and was not made by this tool: choose another name, "
            "or add --into-existing to publish into it"
        )
    tags = {ref.name: ref.target_commit for ref in refs.tags}
    return Place(repo_id, True, bool(info.private), str(info.sha), tree, tags)


def _made_here(api: HfApi, repo_id: str, repo_type: str, tree: Tree, branches: list[str]) -> bool:
    """Either nothing has been put into it yet, or its history names this tool."""
    if set(tree) <= {".gitattributes"}:
        return True
    listed = partial(api.list_repo_commits, repo_id, repo_type=repo_type)
    commits = [c for name in branches for c in patiently(partial(listed, revision=name))]
    return len(commits) == 1 or any(MARK in commit.title + commit.message for commit in commits)
