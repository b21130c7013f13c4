"""`python spaces/deploy.py --repo-id USER/NAME`: the page as a Space on the Hub, in one commit.

Every step can be run again, and a run that was cut off is finished by the next one:

1. look: the token, the permission, who made the Space, whether the Space can fetch its models
2. stage: a copy of what may travel, with README.md of this folder as the Space's card
3. commit it to `main` and read it back; if it comes back changed, the old version is put back
4. set the variables that app.py reads
5. wait for the build, showing its log, and ask the running page to continue a text

With `--static` it is the page of `browser/`, which runs in the visitor's browser: steps 1 to 3.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NoReturn

from huggingface_hub import CommitOperationAdd, HfApi, set_client_factory
from huggingface_hub.errors import HfHubHTTPError

ROOT = Path(__file__).resolve().parents[1]
if "training" not in sys.modules:  # a script finds only what is in its own folder
    spec = spec_from_file_location("training", ROOT / "training" / "__init__.py")
    assert spec
    sys.modules["training"] = module_from_spec(spec)

import static as static_page  # noqa: E402 (see above; in this folder)
from cargo import CARD, OWNED, require, stage  # noqa: E402 (likewise)
from running import QUESTION, Running  # noqa: E402 (likewise)

from training.hub import commit as hub  # noqa: E402 (the path is set above)
from training.hub.access import Place, look  # noqa: E402 (likewise)
from training.hub.errors import (  # noqa: E402 (likewise)
    DamagedError,
    PublishError,
    bounded_client,
    one_line,
    patiently,
    redact,
)
from training.hub.verification import changed_on_the_way  # noqa: E402 (likewise)

MODEL, BASELINE = "TINYGPT_MODEL", "TINYGPT_BASELINE"  # what app.py reads
HARDWARE = "zero-a10g"  # ZeroGPU: what a free account gets

_OWNED = (*OWNED, *static_page.OWNED)  # a Space may become one of the other kind

Say = Callable[[str], None]


def deploy(
    repo_id: str,
    *,
    model: str | None = None,
    baseline: str | None = None,
    private: bool = False,
    hardware: str = HARDWARE,
    static: bool = False,
    dry_run: bool = False,
    say: Say = lambda line: None,
) -> str | None:
    """Makes a Space serve this project's page, and returns its commit; None after a dry run.

    Raises PublishError with one line about what did not get through.
    """
    api, given = HfApi(), {MODEL: model, BASELINE: baseline}
    asked = {name: value for name, value in given.items() if value is not None}
    if static:
        model = static_page.check(model, baseline)
    with one_line(repo_id), tempfile.TemporaryDirectory(prefix="tinygpt-space-") as scratch:
        place = look(api, repo_id, repo_type="space", into_existing=True)
        there = _variables(api, place) if place.exists else {}
        for value in asked.values():
            require(api, value)
        if static and model:
            folder = Path(scratch)
            files = static_page.stage(folder, api, model, with_gpt2=baseline is None)
            local = hub.read_folder(folder, files)
            return _deploy_static(Space(api, place, local, {}, say, "static"), private, dry_run)
        wanted, folder = there | asked, Path(scratch)
        files = stage(folder, repo_id, [wanted[name] for name in given if name in wanted])
        space = Space(api, place, hub.read_folder(folder, files), wanted, say)
        changed = {name: value for name, value in asked.items() if there.get(name) != value}
        if dry_run:
            space.describe(changed, hardware, private)
            return None
        if not place.exists:
            space.create(private, hardware)
            changed = {}
        commit = space.commit()
        for name, value in changed.items():
            patiently(lambda n=name, v=value: api.add_space_variable(repo_id, n, v))
            say(f"{name} is {value}")
        running = Running(api, repo_id, say)
        running.wait(commit, new=commit != place.head or bool(changed))
        say(f"asked to continue {QUESTION!r}, it writes {running.ask(wanted.get(MODEL))!r}")
        say(f"{running.page} is at {commit[:7]}")
        return commit


def _deploy_static(space: Space, private: bool, dry_run: bool) -> str | None:
    """It is up as soon as its files are there: nothing is built, nothing has to start."""
    if dry_run:
        space.describe({}, "no machine", private)
        return None
    if not space.place.exists:
        space.create(private, None)
    commit = space.commit()
    space.say(f"{space.api.endpoint}/spaces/{space.repo_id} is at {commit[:7]}")
    return commit


def _variables(api: HfApi, place: Place) -> dict[str, str]:
    """The variables of a Space that we may change."""
    repo_id = place.repo_id
    commits = patiently(lambda: api.list_repo_commits(repo_id, repo_type="space"))
    fresh = len(commits) == 1 and set(place.tree) <= {".gitattributes", CARD}
    if not fresh and not any(hub.MARK in commit.title + commit.message for commit in commits):
        raise PublishError(f"{repo_id} is a Space that this tool did not make: choose another name")
    found = patiently(lambda: api.get_space_variables(repo_id))
    return {name: variable.value for name, variable in found.items()}


@dataclass(frozen=True)
class Space:
    """A Space being deployed: what it was, what it will hold, and the variables it will have."""

    api: HfApi
    place: Place
    local: dict[str, hub.LocalFile]
    variables: dict[str, str]
    say: Say
    sdk: str = "gradio"

    @property
    def repo_id(self) -> str:
        return self.place.repo_id

    def describe(self, changed: dict[str, str], hardware: str, private: bool) -> None:
        """Shows what a deploy would do, and changes nothing."""
        place, changes = self.place, hub.compare(self.local, self.place.tree, _OWNED)
        state = "exists" if place.exists else f"would be created on {hardware}"
        seen = "private" if (place.private if place.exists else private) else "public"
        self.say(f"{self.repo_id} ({seen}) {state}; this is a dry run, nothing is written")
        for what in ("add", "change", "remove", "same", "keep"):
            for path in getattr(changes, what):
                size = self.local[path].size if path in self.local else place.tree[path].size
                self.say(f"  {what:<7} {path:<60} {size:>12,} bytes")
        size = sum(file.size for file in self.local.values())
        self.say(f"  {len(self.local)} files, {size / 1e6:.1f} MB")
        for name, value in changed.items():
            self.say(f"  set     {name}={value}")

    def create(self, private: bool, hardware: str | None) -> None:
        variables = [{"key": name, "value": value} for name, value in self.variables.items()]
        try:
            patiently(
                lambda: self.api.create_repo(
                    self.repo_id,
                    repo_type="space",
                    space_sdk=self.sdk,
                    space_hardware=hardware,  # type: ignore[arg-type]  # a name will do
                    space_variables=variables or None,
                    private=private,
                    exist_ok=True,
                )
            )
        except HfHubHTTPError as error:
            if error.response.status_code not in (400, 402, 403):
                raise
            where = f" on {hardware}" if hardware else ""
            raise PublishError(
                f"the Hub makes no Space {self.repo_id}{where}: "
                f"{redact(error.server_message or str(error))} (may you, on this hardware?)"
            ) from None

    def commit(self) -> str:
        """Makes `main` hold the staged files; what comes back changed does not stay there."""
        api, repo_id = self.api, self.repo_id
        before = self.place.head or hub.head_of(api, repo_id, "main", "space")
        try:
            made = hub.commit_folder(
                api,
                repo_id,
                self.local,
                message="Deploy the page",
                repo_type="space",
                parent=before,
                owned=_OWNED,
            )
            if damaged := self._damaged(made):
                # A file that is listed by its right hash is in no commit again: only its bytes are.
                again = [CommitOperationAdd(name, self.local[name].path) for name in damaged]
                api.preupload_lfs_files(repo_id, again, repo_type="space")
            if damaged and (damaged := self._damaged(made)):
                where = f"{repo_id} at {made[:7]}"
                raise DamagedError(f"{where} comes back changed: {', '.join(damaged)}", made)
        except DamagedError as error:
            self._put_back(before, error)
        same = made == before
        self.say("nothing to commit" if same else f"committed {len(self.local)} files: {made[:7]}")
        return made

    def _put_back(self, good: str, error: DamagedError) -> NoReturn:
        try:
            hub.put_back(self.api, self.repo_id, good, error.commit, repo_type="space")
        except PublishError as second:
            raise PublishError(
                f"{error}; the old version could not be put back ({second}): run this again"
            ) from error
        raise PublishError(f"{error}; the old version was put back: run this again") from error

    def _damaged(self, commit: str) -> list[str]:
        return changed_on_the_way(self.api, self.repo_id, commit, self.local, "space")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python spaces/deploy.py",
        description="Put the page on a Hugging Face Space, and see that it answers there.",
        epilog="The access token comes from HF_TOKEN or `hf auth login`; it is not a flag, and "
        "none is put into the Space.",
    )
    parser.add_argument("--repo-id", required=True, metavar="USER/NAME")
    parser.add_argument(
        "--model",
        metavar="USER/NAME[@REV]",
        help="model on the left (default: unchanged, or the one that the page has first)",
    )
    parser.add_argument(
        "--baseline", metavar="REPO|none", help="model on the right (default: unchanged, or GPT-2)"
    )
    parser.add_argument(
        "--static",
        action="store_true",
        help="a page that runs in the visitor's browser: free for everybody, never asleep",
    )
    parser.add_argument("--private", action="store_true", help="a new Space for you alone")
    parser.add_argument(
        "--hardware",
        default=HARDWARE,
        metavar="FLAVOR",
        help="of a new Space (default: %(default)s, ZeroGPU, free); cpu-basic and others are paid",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and stop")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    given = vars(make_parser().parse_args(argv))
    set_client_factory(bounded_client)
    try:
        deploy(given.pop("repo_id"), **given, say=print)
    except PublishError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; run this again to finish it", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
