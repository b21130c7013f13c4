"""Publishing a run: which versions of it go to the Hub, in which order, and what is refused."""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack
from pathlib import Path

from huggingface_hub import HfApi

from training.hub.access import BRANCH, Place, look
from training.hub.card import address
from training.hub.commit import compare, tree_at
from training.hub.errors import PublishError, one_line, patiently
from training.hub.shipment import Prove, Published, Say, Shipment
from training.hub.staging import MODEL, REPLACED, Staged, best_of, checkpoints, stage
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
    into_existing: bool = False,
    dry_run: bool = False,
    prove: Prove | None = None,
    say: Say = lambda line: None,
) -> Published | None:
    """Publishes a run, or one of its checkpoints, and returns where it is; None after a dry run.

    `prove(repo_id, commit, staged)` raises where a commit does not load; a Stranger by default.
    Raises PublishError with one line about what did not get through; `main` is then as it was, or
    as it was meant.
    """
    api, run_dir = HfApi(), Path(run_dir)
    with one_line(repo_id), ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="tinygpt-publish-"))
        place = look(api, repo_id, into_existing=into_existing)
        versions = []
        for number, source in enumerate(_versions(run_dir, all_checkpoints)):
            staged = stage(source, Path(scratch, str(number)), twin=twin)
            versions.append((_tag(source, staged, tag, run), staged))
            _refuse_to_move(api, place, *versions[-1])
        if dry_run:
            _describe(place, versions, public, say)
            return None
        prove = stack.enter_context(Stranger()) if prove is None else prove
        shipments = [Shipment(api, repo_id, *version, prove, say) for version in versions]
        return _ship_all(shipments, place, public)


def _ship_all(shipments: list[Shipment], place: Place, public: bool) -> Published:
    *history, last = shipments
    api, repo_id, say = last.api, last.repo_id, last.say
    if not place.exists:
        patiently(lambda: api.create_repo(repo_id, private=not public, exist_ok=True))
    elif public and place.private:
        say(f"{repo_id} is private and stays so: its settings on the Hub make it public")
    for shipment in history:
        if shipment.tag not in place.tags:
            shipment.ship()
    published = last.ship(pin=True)
    last.drop_branch()
    say(f"{api.endpoint}/{repo_id} is at {published.commit[:7]}, tagged {published.tag}")
    return published


def _versions(run_dir: Path, all_checkpoints: bool) -> list[Path]:
    """What is published, in order; `main` ends at the last."""
    if not all_checkpoints:
        return [run_dir]
    history = checkpoints(run_dir)
    best = best_of(run_dir, history)
    return [*history, run_dir] if best == run_dir else [*history, run_dir, best]


def _tag(source: Path, staged: Staged, tag: str | None, run: str | None) -> str:
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
    return name


def _refuse_to_move(api: HfApi, place: Place, tag: str, staged: Staged) -> None:
    """A tag that names another model is never moved.

    It stays where it is too when only the code that reads the model, or the card, is newer now.
    """
    if tag not in place.tags:
        return
    there = tree_at(api, place.repo_id, place.tags[tag])
    if compare({name: file for name, file in staged.local.items() if name in MODEL}, there, MODEL):
        raise PublishError(
            f"{tag} in {place.repo_id} names another model and is not moved: "
            f"add --run NAME to publish this one as NAME-{tag}"
        )


def _describe(place: Place, versions: list[tuple[str, Staged]], public: bool, say: Say) -> None:
    """What a publish would do to `main`, and nothing else."""
    tag, staged = versions[-1]
    address(staged, place.repo_id, place.tags.get(tag, tag))
    local, changes = staged.local, compare(staged.local, place.tree, REPLACED)
    state = "exists" if place.exists else "would be created"
    seen = "private" if (place.private if place.exists else not public) else "public"
    say(f"{place.repo_id} ({seen}) {state}; this is a dry run, nothing is written")
    for what in ("add", "change", "remove", "same", "keep"):
        for path in getattr(changes, what):
            size = local[path].size if path in local else place.tree[path].size
            say(f"  {what:<7} {path:<28} {size:>12,} bytes")
    for tag in dict.fromkeys(tag for tag, _ in versions):
        say(f"  {'tagged' if tag in place.tags else 'tag':<7} {tag}")
