"""Whatever goes wrong half-way: never half a page, and the next run finishes it."""

import random
import signal
import subprocess
import sys
import time

import pytest

from training.hub.errors import PublishError

from .conftest import CARGO, ROOT

COMMIT = "POST .*/commit/main"


def held(hub) -> dict[str, bytes]:
    files = hub.files("ada/page", kind="space")
    return {name: files[name] for name in files if name in CARGO}


def meant(project) -> dict[str, bytes]:
    return {name: (project / name).read_bytes() for name in CARGO}


@pytest.fixture
def second(hub, send, project):
    """A version is there; the next one is ready. Returns what `main` holds."""
    send()
    (project / "app.py").write_text("import compare.page", encoding="utf-8")
    (project / "checkpoints/hello/model.safetensors").write_text("9 weights", encoding="utf-8")
    return hub.files("ada/page", kind="space")


def test_a_commit_whose_reply_is_lost_is_found_and_not_repeated(hub, send, project):
    plan = hub.break_for("ada", only=("lost-reply",), rate=1, most=1, matching=COMMIT)
    send()
    assert plan.happened
    titles = [c.title for c in hub.repo("ada/page", "space").at("main").ancestry()]
    assert titles == ["Deploy the page", "initial commit"]
    assert held(hub) == meant(project)


def test_bytes_that_come_back_changed_are_sent_again(hub, send, second, project):
    """The Hub compares sizes: nobody but this tool looks at the bytes of a large file."""
    plan = hub.break_for("ada", only=("corrupt-upload",), rate=1, most=1, matching="PUT /lfs/")
    send()
    assert plan.happened
    assert held(hub) == meant(project)


def test_bytes_that_come_back_changed_again_are_replaced_by_the_old_version(hub, send, second):
    hub.break_for("ada", only=("corrupt-upload",), rate=1, matching="PUT /lfs/")
    with pytest.raises(PublishError, match=r"model\.safetensors; the old version was put back"):
        send()
    assert hub.files("ada/page", kind="space") == second
    hub.heal("ada")
    send()


def test_a_file_that_arrives_changed_is_replaced_by_the_old_version(hub, send, second):
    hub.break_for("ada", only=("corrupt-upload",), rate=1, most=1, matching=COMMIT)
    with pytest.raises(PublishError, match="the old version was put back"):
        send()
    assert hub.files("ada/page", kind="space") == second
    send()


def test_what_cannot_be_read_back_is_not_called_deployed(hub, send, second, project, answers):
    hub.break_for("ada", only=("500",), rate=1, matching="GET .*/resolve/")
    with pytest.raises(PublishError, match="the Hub answered 500"):
        send()
    assert len(answers) == 1  # of the version before
    hub.heal("ada")
    send()
    assert held(hub) == meant(project)


def test_a_change_by_somebody_else_meanwhile_is_neither_lost_nor_built_upon(hub, send, second):
    def change_first(request):
        if "/preupload/" in request:
            hub.layer.watch = None
            hub.store.put("space", "ada/page", {"by-hand.txt": b"someone was here"})

    hub.layer.watch = change_first
    with pytest.raises(PublishError, match="somebody else changed ada/page meanwhile"):
        send()
    assert hub.files("ada/page", kind="space") == second | {"by-hand.txt": b"someone was here"}
    send()
    assert "by-hand.txt" in hub.files("ada/page", kind="space")


def test_a_run_cut_off_before_the_variables_is_finished_by_the_next(hub, send):
    send()
    hub.break_for("ada", only=("500",), rate=1, matching="POST .*/variables")
    with pytest.raises(PublishError, match="500"):
        send(model="hello")
    assert hub.repo("ada/page", "space").variables == {}
    hub.heal("ada")
    said = send(model="hello")
    assert hub.repo("ada/page", "space").variables == {"TINYGPT_MODEL": "hello"}
    assert "nothing to commit" in said


def test_a_run_cut_off_right_after_the_space_was_made_is_finished_by_the_next(hub, send, project):
    hub.break_for("ada", only=("500",), rate=1, matching="commit/main")
    with pytest.raises(PublishError, match="500"):
        send(model="hello")
    assert set(hub.files("ada/page", kind="space")) == {".gitattributes"}
    hub.heal("ada")
    send()
    assert held(hub) == meant(project)
    assert hub.repo("ada/page", "space").variables == {"TINYGPT_MODEL": "hello"}


KINDS = ("500", "503", "429", "cut-request", "cut-reply", "lost-reply", "corrupt-upload")


@pytest.fixture
def short_waits(monkeypatch):
    """The client itself waits for seconds before it asks again."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.01)))


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_under_random_faults_main_holds_one_version_or_the_other(
    hub, send, project, short_waits, count
):
    """A deploy may fail, and says so; the next run, without faults, finishes it."""
    failed, faults, before = 0, 0, b""
    for seed in range(count):
        if seed % 3 == 0:
            hub.store.repos.clear()
        (project / "app.py").write_text(f"version = {seed}", encoding="utf-8")
        weights = project / "checkpoints/hello/model.safetensors"
        weights.write_text(f"{seed} weights", encoding="utf-8")
        rate = random.Random(seed).choice([0.05, 0.3])
        plan = hub.break_for("ada", seed=seed, rate=rate, only=KINDS)
        try:
            send()
        except PublishError:
            failed += 1
        hub.heal("ada")
        faults += len(plan.happened)
        # What arrives damaged is put back, unless that fails too.
        if seed % 3 and not any("corrupt" in fault for fault in plan.happened):
            assert hub.files("ada/page", kind="space")["app.py"] in (before, b"version = %d" % seed)
        send()
        assert held(hub) == meant(project)
        before = held(hub)["app.py"]
    print(f"{count} deploys, {faults} faults: {failed} failed and were finished")  # noqa: T201 (for who runs it)
    assert faults
    assert failed


@pytest.mark.skipif(sys.platform == "win32", reason="kills with a signal")
@pytest.mark.parametrize("kind", ["killed-before", "killed-after"])
def test_killed_at_the_commit_it_is_finished_by_the_next_run(hub, ada, command, answers, kind):
    """The command as it is typed, and all of this project."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "spaces" / "deploy.py"), "--repo-id", "ada/page"],
        env=ada.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    plan = hub.break_for("ada", only=(kind,), rate=1, most=1, matching=COMMIT, pid=process.pid)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == -signal.SIGKILL, said.decode()
    assert plan.happened
    landed = "app.py" in hub.files("ada/page", kind="space")
    assert landed is (kind == "killed-after")
    says: list[str] = []
    command.deploy("ada/page", say=says.append)
    assert ("nothing to commit" in says) is landed
    there = hub.files("ada/page", kind="space")
    assert there["app.py"] == (ROOT / "app.py").read_bytes()
