"""Before anything is written: who asks, what is there, whether it may be changed. Only reads."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, ModelCard, get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OIDCError,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from training.hub.commit import MARK, Tree, bars_where_it_takes_long, tree_at
from training.hub.errors import TOKENS, PublishError, one_line, patiently

BRANCH = "tinygpt-candidate"  # where a version is tried before it goes to `main`
CI_REPO = "HF_OIDC_RESOURCE"  # what a CI job may write to, by its identity and without a token
_OF_A_RUN = ("recipe", "seed", "data", "init_from", "parameters")
_LARGEST = 1_000_000  # bytes of what a repository says about itself


@dataclass(frozen=True)
class Place:
    """A repository as it was found."""

    repo_id: str
    exists: bool = False
    private: bool = True
    head: str | None = None
    tree: Tree = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)  # what was measured on the model there
    card: dict[str, Any] = field(default_factory=dict)  # what its card says to the Hub

    def holds_another(self, facts: Mapping[str, Any]) -> bool:
        """Whether `main` has the model of a run other than the one with these facts."""
        return "model.safetensors" in self.tree and _run(self.facts) != _run(facts)

    @property
    def step(self) -> int | None:
        return self.facts.get("best_step", self.facts.get("steps"))

    @property
    def described(self) -> str:
        """The model on `main`, described for somebody about to replace it."""
        recipe, loss = self.facts.get("recipe"), self.facts.get("val_loss")
        said = [
            f"recipe {recipe}" if recipe else "",
            f"trained on {self.facts['data']}" if "data" in self.facts else "",
            f"step {self.step:,}" if isinstance(self.step, int) else "",
            f"validation loss {loss:.4f}" if isinstance(loss, float) else "",
            *(f"tagged {tag}" for tag, commit in self.tags.items() if commit == self.head),
        ]
        return ", ".join(filter(None, said)) or "nothing is said about it"


def _run(facts: Mapping[str, Any]) -> object:
    """Identifies a run: by its own mark or, without one, by what it was made from."""
    if not facts:
        return None
    return facts.get("run") or tuple(facts.get(name) for name in _OF_A_RUN)


def look(
    api: HfApi, repo_id: str, *, repo_type: str = "model", into_existing: bool = False
) -> Place:
    """The repository, if this token may write to it; else one clear line about why not."""
    with one_line(repo_id):
        _check_name(repo_id)
        if CI_REPO in os.environ:
            _check_ci(repo_id, repo_type)
        else:
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


def _check_ci(repo_id: str, repo_type: str) -> None:
    """A CI job has no account: it may write to one repository, which must exist."""
    resource = repo_id if repo_type == "model" else f"{repo_type}s/{repo_id}"
    if os.environ[CI_REPO] != resource:
        raise PublishError(
            f"{CI_REPO} is {os.environ[CI_REPO]}, and this goes to {resource}: make them the same"
        )
    try:
        get_token()
    except HfHubHTTPError as error:
        raise PublishError(
            f"the Hub does not know this job as a trusted publisher of {repo_id} "
            f"({error.response.status_code}): add it in the repository's settings"
        ) from None
    except OIDCError as error:
        raise PublishError(" ".join(str(error).split())) from None


def _look(api: HfApi, repo_id: str, repo_type: str, into_existing: bool) -> Place:
    try:
        info = patiently(lambda: api.repo_info(repo_id, repo_type=repo_type, revision="main"))
        patiently(lambda: api.auth_check(repo_id, repo_type=repo_type, write=True))
    except GatedRepoError:
        raise PublishError(f"{repo_id} is gated, and this account has no access") from None
    except RepositoryNotFoundError:
        if CI_REPO in os.environ:
            raise PublishError(
                f"{repo_id} is not there, and a trusted publisher cannot create it: "
                "create it on the Hub, and add this job in its settings"
            ) from None
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
    place = Place(repo_id, True, bool(info.private), str(info.sha), tree, tags)
    if repo_type == "model":
        place.facts.update(_facts(_said(api, place, "metrics.json")))
        place.card.update(_front(_said(api, place, "README.md")))
    return place


def _said(api: HfApi, place: Place, name: str) -> str:
    """A small file of `main`; empty if there is none."""
    if name not in place.tree or place.tree[name].size > _LARGEST:
        return ""
    with tempfile.TemporaryDirectory(prefix="tinygpt-look-") as scratch:
        with bars_where_it_takes_long([0]):
            ask = partial(api.hf_hub_download, place.repo_id, name, revision=place.head)
            path = patiently(partial(ask, cache_dir=scratch))
        return Path(path).read_text(encoding="utf-8", errors="replace")


def _facts(text: str) -> dict[str, Any]:
    try:
        facts = json.loads(text or "{}")
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _front(text: str) -> dict[str, Any]:
    try:
        return ModelCard(text, ignore_metadata_errors=True).data.to_dict()
    except Exception:  # a card written by hand may say anything
        return {}


def _made_here(api: HfApi, repo_id: str, repo_type: str, tree: Tree, branches: list[str]) -> bool:
    """Either nothing has been put into it yet, or its history names this tool."""
    if set(tree) <= {".gitattributes"}:
        return True
    listed = partial(api.list_repo_commits, repo_id, repo_type=repo_type)
    commits = [c for name in branches for c in patiently(partial(listed, revision=name))]
    return len(commits) == 1 or any(MARK in commit.title + commit.message for commit in commits)
