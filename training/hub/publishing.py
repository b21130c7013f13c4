"""Publishing a run: which versions of it go to the Hub, in which order, and what is refused."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi

from training.hub.access import BRANCH, Place, look
from training.hub.card import Chosen, address
from training.hub.commit import Tree, compare, tree_at
from training.hub.errors import PublishError, one_line, patiently
from training.hub.shipment import Prove, Published, Say, Shipment
from training.hub.staging import (
    MODEL,
    REPLACED,
    Staged,
    best_of,
    checkpoints,
    find,
    stage,
    step_of,
)
from training.hub.verification import Stranger


def publish(
    run_dir: str | Path,
    repo_id: str,
    *,
    public: bool = False,
    tag: str | None = None,
    run: str | None = None,
    all_checkpoints: bool = False,
    twin: str | None = None,
    license: str | None = None,
    language: str | None = None,
    replace: bool = False,
    beside: bool = False,
    into_existing: bool = False,
    dry_run: bool = False,
    prove: Prove | None = None,
    say: Say = lambda line: None,
) -> Published | None:
    """Publishes a run, or one of its checkpoints, and returns where it is; None after a dry run.

    A model of another run, or a later step of the same one, stays on `main` unless `replace`; with
    `beside`, an earlier step then still gets its tag. The author's earlier choices for the card,
    here or on the Hub, are kept.
    `prove(repo_id, commit, staged)` raises where a commit does not load; a Stranger by default.
    Raises PublishError with one line about what did not get through; `main` is then as it was, or
    as it was meant.
    """
    api, run_dir = HfApi(), find(run_dir)
    with one_line(repo_id), ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="tinygpt-publish-"))
        place = look(api, repo_id, into_existing=into_existing)
        chosen = Chosen.over(place.card, license=license, language=language)
        versions = []
        for number, source in enumerate(_versions(run_dir, all_checkpoints)):
            version = _version(
                source, stage(source, Path(scratch, str(number)), twin=twin), tag, run
            )
            if not replace:
                _refuse_to_replace(place, version, beside or all_checkpoints)
            _refuse_to_move(api, place, version)
            versions.append(version)
        if dry_run:
            _describe(place, versions, chosen, public, say)
            return None
        prove = stack.enter_context(Stranger()) if prove is None else prove
        shipments = [
            Shipment(api, repo_id, version.tag, version.staged, chosen, prove, say)
            for version in versions
        ]
        older = [not replace and version.older_than(place) for version in versions]
        return _ship_all(shipments, older, place, public)


@dataclass(frozen=True)
class Version:
    """What is published of a run: a checkpoint, or the run's own folder with its best model."""

    source: Path
    staged: Staged
    tag: str

    def older_than(self, place: Place) -> bool:
        """Whether it is an earlier step of the run on `main`. A run's own folder never is: the best
        step is the one that a run ends with."""
        step = step_of(self.source)
        return step is not None and place.step is not None and step < place.step

    def differs(self, tree: Tree) -> bool:
        """Whether the model computes something else; its code and card may be newer."""
        model = {name: file for name, file in self.staged.local.items() if name in MODEL}
        return bool(compare(model, tree, MODEL))


def _ship_all(
    shipments: list[Shipment], older: list[bool], place: Place, public: bool
) -> Published:
    *history, last = shipments
    api, repo_id, say = last.api, last.repo_id, last.say
    if not place.exists:
        patiently(lambda: api.create_repo(repo_id, private=not public, exist_ok=True))
    elif public and place.private:
        say(f"{repo_id} is private and stays so: its settings on the Hub make it public")
    for shipment, behind in zip(history, older, strict=False):
        if shipment.tag not in place.tags:
            shipment.beside() if behind else shipment.ship()
    published = last.beside() if older[-1] and not history else last.ship(pin=True)
    last.drop_branch()
    say(f"{published.address} is at {published.commit[:7]}, tagged {published.tag}")
    for line in last.chosen.missing():
        say(line)
    private = place.private if place.exists else not public
    return dataclasses.replace(published, private=private)


def _versions(run_dir: Path, all_checkpoints: bool) -> list[Path]:
    """What is published, in order; `main` ends at the last."""
    if not all_checkpoints:
        return [run_dir]
    history = checkpoints(run_dir)
    best = best_of(run_dir, history)
    return [*history, run_dir] if best == run_dir else [*history, run_dir, best]


def _version(source: Path, staged: Staged, tag: str | None, run: str | None) -> Version:
    if tag is None and staged.step is None:
        raise PublishError(f"{source} does not say which step it is at: name it with --tag")
    name = tag or f"step-{staged.step}"
    name = f"{run}-{name}" if run else name
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name) or name in ("main", BRANCH):
        raise PublishError(f"{name!r} cannot be a tag: letters, digits, '.', '_' and '-' can")
    step = re.fullmatch(r"step-(\d+)", name)
    if step and staged.step is not None and int(step[1]) != staged.step:
        other = source / f"checkpoint-{step[1]}"
        hint = f": publish {other}" if other.exists() else ""
        raise PublishError(f"{source} is at step {staged.step}, not at {name}{hint}")
    return Version(source, staged, name)


def _refuse_to_replace(place: Place, version: Version, beside: bool) -> None:
    """What is on `main` stays there, unless this is a later step of the same run."""
    if not version.differs(place.tree):
        return
    if place.holds_another(version.staged.facts):
        taken = " --run NAME" if version.tag in place.tags else ""
        raise PublishError(
            f"{place.repo_id} holds the model of another run ({place.described}): choose another "
            f"name, or add --replace{taken} to put this one in its place"
        )
    if version.older_than(place) and not beside:
        raise PublishError(
            f"{place.repo_id} is at a later step of this run ({place.described}), and "
            f"{version.source.name} is older: add --replace to put it in its place"
        )


def _refuse_to_move(api: HfApi, place: Place, version: Version) -> None:
    """A tag that names another model is never moved.

    It also stays where only the code that reads the model, or the card, is newer.
    """
    tag = version.tag
    if tag in place.tags and version.differs(tree_at(api, place.repo_id, place.tags[tag])):
        raise PublishError(
            f"{tag} in {place.repo_id} names another model and is not moved: "
            f"add --run NAME to publish this one as NAME-{tag}"
        )


def _describe(
    place: Place, versions: list[Version], chosen: Chosen, public: bool, say: Say
) -> None:
    """Shows what a publish would do to `main`, and changes nothing."""
    tag, staged = versions[-1].tag, versions[-1].staged
    address(staged, place.repo_id, place.tags.get(tag, tag), chosen)
    local, changes = staged.local, compare(staged.local, place.tree, REPLACED)
    state = "exists" if place.exists else "would be created"
    seen = "private" if (place.private if place.exists else not public) else "public"
    say(f"{place.repo_id} ({seen}) {state}; this is a dry run, nothing is written")
    for what in ("add", "change", "remove", "same", "keep"):
        for path in getattr(changes, what):
            size = local[path].size if path in local else place.tree[path].size
            say(f"  {what:<7} {path:<28} {size:>12,} bytes")
    for tag in dict.fromkeys(version.tag for version in versions):
        say(f"  {'tagged' if tag in place.tags else 'tag':<7} {tag}")
    for line in chosen.missing():
        say(line)
