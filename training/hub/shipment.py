"""One version on its way to `main`: tried on a branch, proved there, committed, tagged, pinned."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from huggingface_hub import HfApi, constants

from training.hub.access import BRANCH
from training.hub.card import CARD, NOTEBOOK, Chosen, address
from training.hub.commit import commit_folder, compare, head_of, put_back, tree_at
from training.hub.errors import DamagedError, PublishError, patiently
from training.hub.staging import CODE, REPLACED, Staged
from training.hub.verification import same_bytes

Prove = Callable[[str, str, Staged], None]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Published:
    """Where a model is now: `main` holds `commit`; `pinned` is tagged, and what the card names."""

    repo_id: str
    commit: str
    pinned: str
    tag: str
    code: bool = True  # whether it brings its own code
    private: bool = True

    @property
    def address(self) -> str:
        return f"{constants.ENDPOINT}/{self.repo_id}"

    @property
    def for_a_stranger(self) -> str:
        """The line that loads it."""
        whom = "for you alone, since it is private" if self.private else "for anybody"
        trust = "trust_remote_code=True, " if self.code else ""
        return (
            f"{whom}: transformers.AutoModelForCausalLM.from_pretrained("
            f'"{self.repo_id}", revision="{self.tag}", {trust}use_safetensors=True)'
        )


@dataclass(frozen=True)
class Shipment:
    """What goes, where to, under which tag, and how it is proved."""

    api: HfApi
    repo_id: str
    tag: str
    staged: Staged
    chosen: Chosen  # for the card, by its author
    prove: Prove
    say: Say

    def beside(self) -> Published:
        """The tag alone, for a version that is older than the one on `main`, which stays."""
        head = head_of(self.api, self.repo_id, "main")
        pinned = self.tags().get(self.tag)
        if pinned is None:
            self.address(self.tag)
            pinned = self.create_tag(self.rehearse(head))
            self.say(f"{self.tag}: tagged only; `main` is at a newer step")
        return self.at(head, pinned)

    def at(self, commit: str, pinned: str) -> Published:
        return Published(self.repo_id, commit, pinned, self.tag, CODE[0] in self.staged.local)

    def address(self, revision: str) -> None:
        address(self.staged, self.repo_id, revision, self.chosen)

    def ship(self, pin: bool = False) -> Published:
        """To `main`, then the tag; then, with `pin`, a card that names the tagged commit."""
        pinned = self.tags().get(self.tag)
        self.address(pinned or self.tag)
        commit = self.to_main()
        if pinned is None:
            pinned = self.create_tag(commit)
            if pin:
                self.address(pinned)
                commit = self.to_main()
        return self.at(commit, pinned)

    def to_main(self) -> str:
        """Makes `main` hold the staged files, proved before and compared after; the commit."""
        local = self.staged.local
        head = head_of(self.api, self.repo_id, "main")
        changes = compare(local, tree_at(self.api, self.repo_id, head), REPLACED)
        if not changes:
            self.prove(self.repo_id, head, self.staged)
            self.say(f"{self.tag}: nothing to change, and it loads")
            return head
        card_only = set(changes.paths) <= {CARD, NOTEBOOK}
        if not card_only:
            self.rehearse(head)
        try:
            made = self.commit("main", head)
            sent = {path: local[path] for path in (*changes.add, *changes.change)}
            same_bytes(self.api, self.repo_id, made, sent)
        except DamagedError as error:
            self.put_back(head, error)
        if not card_only:
            self.say(f"{self.tag}: committed {changes}; loaded back with the same logits")
        return made

    def rehearse(self, head: str) -> str:
        """The same commit on a branch, loaded back. If that fails, `main` is not touched."""
        self.drop_branch()  # of the version before, or of a run that was cut off
        patiently(
            lambda: self.api.create_branch(
                self.repo_id, branch=BRANCH, revision=head, exist_ok=True
            )
        )
        try:
            commit = self.commit(BRANCH, head)
            self.say(f"{self.tag}: on a branch; now loaded back from there, as a stranger would")
            self.prove(self.repo_id, commit, self.staged)
        except PublishError:
            with suppress(Exception):  # what stays now is dropped by the next run
                self.api.delete_branch(self.repo_id, branch=BRANCH)
            raise
        return commit

    def commit(self, branch: str, parent: str) -> str:
        return commit_folder(
            self.api,
            self.repo_id,
            self.staged.local,
            message=f"Publish {self.tag}",
            revision=branch,
            parent=parent,
            owned=REPLACED,
        )

    def put_back(self, good: str, error: DamagedError) -> NoReturn:
        try:
            put_back(self.api, self.repo_id, good, error.commit)
        except PublishError as second:
            raise PublishError(
                f"{error}; the old version could not be put back ({second}): run this again"
            ) from None
        raise PublishError(f"{error}; the old version was put back: run this again") from None

    def drop_branch(self) -> None:
        refs = patiently(lambda: self.api.list_repo_refs(self.repo_id))
        if BRANCH in [ref.name for ref in refs.branches]:
            patiently(lambda: self.api.delete_branch(self.repo_id, branch=BRANCH))

    def tags(self) -> dict[str, str]:
        refs = patiently(lambda: self.api.list_repo_refs(self.repo_id))
        return {ref.name: ref.target_commit for ref in refs.tags}

    def create_tag(self, commit: str) -> str:
        patiently(
            lambda: self.api.create_tag(self.repo_id, tag=self.tag, revision=commit, exist_ok=True)
        )
        there = self.tags().get(self.tag)
        if there != commit:
            raise PublishError(
                f"{self.tag} in {self.repo_id} was set to {there} meanwhile: run this again"
            )
        return commit
