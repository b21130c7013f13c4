"""Whatever goes wrong on the way: never half a model, and the next run heals it."""

import json
import multiprocessing
import random
import secrets
import shutil
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fixtures_hub import write_json
from tests.hub.faults import KINDS
from tests.training.hub.faulted import PRELOADED, meant, run_command
from tests.training.test_publish import other_weights
from training.hub import errors
from training.hub.errors import PublishError
from training.publish import publish

forked = pytest.mark.skipif(sys.platform == "win32", reason="its processes are forked")
AT_ONCE = 6


@pytest.fixture
def send(ada, run_dir, monkeypatch):
    monkeypatch.setattr(errors, "WAITS", (0.01, 0.01, 0.01))

    def send(**options):
        return publish(run_dir, "ada/tiny", prove=lambda *_: None, **options)

    return send


@pytest.fixture
def second(hub, send, run_dir):
    """A version is there; the next one is ready. Returns what `main` holds."""
    send()
    other_weights(run_dir)
    return hub.files("ada/tiny")


COMMIT_TO_MAIN = "POST .*/commit/main"


def test_a_version_that_arrives_damaged_is_replaced_by_the_old_one(hub, send, second, run_dir):
    (run_dir / "tokenizer.json").write_bytes((run_dir / "tokenizer.json").read_bytes() + b"\n")
    hub.break_for("ada", only=("corrupt-upload",), rate=1, most=1, matching=COMMIT_TO_MAIN)
    with pytest.raises(PublishError, match="the old version was put back: run this again"):
        send(run="second")
    assert hub.files("ada/tiny") == second
    assert set(hub.repo("ada/tiny").tags) == {"step-4"}
    send(run="second")
    weights = (run_dir / "model.safetensors").read_bytes()
    assert hub.files("ada/tiny")["model.safetensors"] == weights


def test_a_first_version_that_arrives_damaged_leaves_an_empty_repository(hub, send):
    hub.break_for("ada", only=("corrupt-upload",), rate=1, most=1, matching=COMMIT_TO_MAIN)
    with pytest.raises(PublishError, match="put back"):
        send()
    assert set(hub.files("ada/tiny")) == {".gitattributes"}


def test_what_cannot_be_read_back_from_main_does_not_stay_there(hub, send, second):
    hub.break_for("ada", only=("500",), rate=1, matching="GET /lfs/")
    with pytest.raises(PublishError, match="cannot be read back"):
        send(run="second")
    assert set(hub.repo("ada/tiny").tags) == {"step-4"}
    hub.heal("ada")
    send(run="second")


def test_if_the_old_version_cannot_be_put_back_that_is_said(hub, send, second, run_dir):
    (run_dir / "tokenizer.json").write_bytes((run_dir / "tokenizer.json").read_bytes() + b"\n")
    hub.break_for("ada", only=("corrupt-upload",), rate=1, matching=COMMIT_TO_MAIN)
    with pytest.raises(PublishError, match=r"could not be put back.*run this again"):
        send(run="second")
    hub.heal("ada")
    send(run="second")
    new = (run_dir / "tokenizer.json").read_bytes()
    assert hub.files("ada/tiny")["tokenizer.json"] == new


def test_a_commit_whose_reply_is_lost_is_found_and_not_repeated(hub, send):
    hub.break_for("ada", only=("lost-reply",), rate=1, most=1, matching=COMMIT_TO_MAIN)
    published = send()
    titles = [c.title for c in hub.repo("ada/tiny").at(published.pinned).ancestry()]
    assert titles == ["Publish step-4", "initial commit"]


def test_a_commit_of_somebody_else_is_neither_lost_nor_built_upon(hub, send, second):
    hub.break_for("ada", only=("stale-parent",), rate=1, most=1, matching=COMMIT_TO_MAIN)
    with pytest.raises(PublishError, match="somebody else changed ada/tiny meanwhile"):
        send(run="second")
    theirs = {"by-hand.txt": b"someone was here\n"}
    assert hub.files("ada/tiny") == second | theirs
    send(run="second")
    assert theirs.items() <= hub.files("ada/tiny").items()


def test_a_commit_of_somebody_else_does_not_make_a_new_repository_theirs(hub, send):
    hub.break_for("ada", only=("stale-parent",), rate=1, most=1, matching=COMMIT_TO_MAIN)
    with pytest.raises(PublishError, match="somebody else changed"):
        send()
    send()
    assert hub.files("ada/tiny")["by-hand.txt"] == b"someone was here\n"


def test_an_upload_that_was_damaged_is_caught_before_main(hub, ada, run_dir, monkeypatch):
    """The Hub checks the size of an upload, and the client that of a download: nobody the bytes."""
    hub.break_for("ada", only=("corrupt-upload",), rate=1, most=1, matching="PUT /lfs/")
    with pytest.raises(PublishError, match="came back changed"):
        publish(run_dir, "ada/tiny")
    assert set(hub.files("ada/tiny")) == {".gitattributes"}


@pytest.fixture(scope="session")
def processes():
    """Of one that has imported torch and transformers, and done nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


class Attempt:
    """One account publishing one run, first under faults and then without."""

    def __init__(self, hub, processes, run_dir: Path, folder: Path, seed: int):
        self.hub, self.processes, self.seed = hub, processes, seed
        self.name = f"user{seed}"
        self.token = "hf_" + secrets.token_hex(17)
        self.home = folder / self.name
        self.run_dir = Path(shutil.copytree(run_dir, folder / f"{self.name}-run"))
        self.repo_id = f"{self.name}/tiny"
        self.happened: list[str] = []
        hub.account(self.name, self.token)

    def command(
        self, *flags: str, proved: bool = True, killed_after: float | None = None, **faults
    ) -> int | None:
        """The exit code; None where the process was killed."""
        argv = [str(self.run_dir), "--repo-id", self.repo_id, *flags]
        process = self.processes.Process(
            target=run_command, args=(argv, self.token, str(self.home), proved)
        )
        ended = Path(f"{self.home}.exit")
        ended.unlink(missing_ok=True)
        plan = self.hub.break_for(self.name, seed=self.seed, **faults) if faults else None
        process.start()
        if plan:
            plan.pid = process.pid
        if killed_after is not None:
            process.join(killed_after)
            process.kill()
        process.join(600)
        assert process.exitcode is not None, "it hangs"
        self.hub.heal(self.name)
        self.happened = plan.happened if plan else []
        return int(ended.read_text(encoding="utf-8")) if ended.exists() else None

    @property
    def log(self) -> str:
        path = Path(f"{self.home}.log")
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def holds(self, revision: str, files: dict[str, bytes]) -> bool:
        there = self.hub.files(self.repo_id, revision)
        return all(there.get(name) == content for name, content in files.items())


def become_another_run(run_dir: Path) -> None:
    path = run_dir / "metrics.json"
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | {"run": "another"})


def in_the_way(attempt: Attempt, old: dict[str, bytes], chance: random.Random) -> None:
    """Another run is there and was not asked to be replaced: refused, whatever else goes wrong."""
    tree = dict(attempt.hub.files(attempt.repo_id))
    before = len(attempt.log)
    code = attempt.command("--run", "second", rate=0.1, most=chance.choice([0, 1, 3]))
    said = attempt.log[before:]
    assert code != 0, "another run was replaced, and nobody was asked"
    assert attempt.hub.files(attempt.repo_id) == tree
    if code is not None:
        assert said.strip().splitlines()[-1].startswith("error: "), said
    if not attempt.happened:
        assert "holds the model of another run" in said


def publish_under_faults(attempt: Attempt) -> tuple[Counter, int | None]:
    """One publish of a first version, a second one, or over another run; faulted and then
    repeated; what must hold."""
    chance = random.Random(attempt.seed)
    old, flags = None, []
    if chance.random() < 0.67:
        assert attempt.command(proved=False) == 0
        old = meant(attempt.run_dir)
        shutil.rmtree(f"{attempt.run_dir}-meant")
        other_weights(attempt.run_dir)
        flags = ["--run", "second"]
        if chance.random() < 0.5:
            become_another_run(attempt.run_dir)
            in_the_way(attempt, old, chance)
            flags = ["--run", "second", "--replace"]
    new = meant(attempt.run_dir)
    before = len(attempt.log)
    kind = (*KINDS, "killed-any-time")[attempt.seed % (len(KINDS) + 1)]
    if kind == "killed-any-time":
        code = attempt.command(*flags, killed_after=chance.uniform(0, 2))
    else:
        faults = {"rate": chance.choice([0.0, 0.1]), "most": chance.choice([1, 3]), "sure": kind}
        code = attempt.command(*flags, **faults)
    kinds = Counter(line.split()[0] for line in attempt.happened)
    killed = code is None
    if killed and kind == "killed-any-time":
        kinds[kind] += 1
    assert not killed or any(name.startswith("killed") for name in kinds), attempt.happened
    said = attempt.log[before:]

    if code == 0:
        assert attempt.holds("main", new), "success was reported, and main is something else"
        assert attempt.holds("second-step-4" if old else "step-4", new)
    elif not killed:
        assert code == 1, (code, attempt.happened, said)
        assert said.strip().splitlines()[-1].startswith("error: "), said
    if code != 0 and ("model", attempt.repo_id) in attempt.hub.store.repos:
        main = attempt.hub.files(attempt.repo_id)
        untouched = old is None and set(main) <= {".gitattributes", "by-hand.txt"}
        whole = attempt.holds("main", new) or (old and attempt.holds("main", old))
        assert untouched or whole, f"half a model stays: {attempt.happened}"
        assert "Traceback" not in said, said

    assert attempt.command(*flags) == 0, attempt.log
    assert attempt.holds("main", new)
    assert attempt.holds("second-step-4" if old else "step-4", new)
    if old:
        assert attempt.holds("step-4", old)
    assert set(attempt.hub.repo(attempt.repo_id).branches) == {"main"}
    assert attempt.token not in attempt.log
    return kinds, code


def many(count: int, hub, processes, run_dir, tmp_path):
    """`count` publishes, some at a time; what happened to them, for the record."""
    attempts = [Attempt(hub, processes, run_dir, tmp_path, seed) for seed in range(count)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(publish_under_faults, attempts))
    kinds = sum((kinds for kinds, _ in results), Counter())
    codes = Counter({0: "success", 1: "told"}.get(code, "killed") for _, code in results)
    record = {"publishes": count, "faults": dict(sorted(kinds.items())), "exits": dict(codes)}
    sys.stdout.write(json.dumps(record, default=str) + "\n")
    return kinds


@forked
def test_20_faulted_publishes_heal(hub, processes, run_dir, tmp_path):
    kinds = many(20, hub, processes, run_dir, tmp_path)
    assert len(kinds) >= 10  # of 14; which requests come first is up to the threads


@forked
@pytest.mark.slow
def test_200_faulted_publishes_heal(hub, processes, run_dir, tmp_path):
    """Every kind of fault, many times over."""
    kinds = many(200, hub, processes, run_dir, tmp_path)
    assert set(kinds) == {*KINDS, "killed-any-time"}
