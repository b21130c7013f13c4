"""Who may not publish hears why in one line, and nothing changes. Nobody sees the token."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants, get_token

from training.hub import errors
from training.hub.errors import PublishError
from training.publish import main

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(errors, "WAITS", (0.01, 0.01, 0.01))
    # The command sets its own client factory; the next test shall not inherit it.
    monkeypatch.setattr("training.publish.set_client_factory", lambda factory: None)


@pytest.fixture
def refused(hub, ada, run_dir, capsys):
    """Runs the command; returns its only line of error, after checking that nothing changed."""

    def refused(*flags: str, repo_id: str = "ada/tiny", token: str | None = None, **account) -> str:
        if account:
            hub.account(ada.name, ada.token, **account)
        before = snapshot(hub)
        assert main([str(run_dir), "--repo-id", repo_id, *flags]) == 1
        assert snapshot(hub) == before
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1, said.err
        assert ada.token not in said.err
        return said.err

    return refused


def snapshot(hub):
    return {
        key: (dict(repo.branches), dict(repo.tags)) for key, repo in hub.store.repos.items()
    }, set(hub.store.objects)


def test_a_token_that_may_only_read(refused):
    said = refused(role="read")
    assert "may only read" in said
    assert "https://huggingface.co/settings/tokens" in said


def test_an_expired_token(refused):
    assert "refuses the access token, as wrong or expired" in refused(expired=True)


def test_a_token_that_nobody_knows(hub, refused):
    hub.app.accounts.clear()
    assert "refuses the access token" in refused()


def test_no_token(refused, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert get_token() is None
    said = refused()
    assert "no access token" in said
    assert "hf auth login" in said


def test_someone_elses_repository(hub, refused):
    hub.store.put("model", "bob/tiny", {"README.md": b"Bob's"})
    said = refused(repo_id="bob/tiny", orgs=("lab",))
    assert "ada may not write to bob/tiny: the owner must be ada or lab, as in ada/tiny" in said


def test_an_organisation_that_this_token_may_not_write_to(hub, refused):
    """A fine-grained token does not say what it may do; the repository does."""
    hub.store.put("model", "lab/tiny", {"README.md": b"the lab's"})
    plan = hub.break_for("ada", only=("403",), rate=1, matching="auth-check/write")
    said = refused(repo_id="lab/tiny", orgs=("lab",))
    assert "may not write to lab/tiny" in said
    assert plan.happened


def test_a_gated_repository(hub, refused):
    hub.store.put("model", "lab/tiny", {"README.md": b"the lab's"})
    hub.repo("lab/tiny").gated = True
    plan = hub.break_for("ada", only=("gated",), rate=1, matching="auth-check/write")
    assert "lab/tiny is gated" in refused(repo_id="lab/tiny", orgs=("lab",))
    assert plan.happened


def test_a_repository_that_may_not_be_made(hub, refused):
    plan = hub.break_for("ada", only=("403",), rate=1, matching="POST /api/repos/create")
    said = refused()
    assert "the Hub answered 403 for ada/tiny" in said
    assert "permissions" in said
    assert plan.happened


@pytest.mark.parametrize("name", ["ada/..", "ada/a--b", "a/b/c", "ada/tiny.git", "ada/ti ny", ""])
def test_a_name_that_is_not_valid(refused, name):
    assert "is not a name for a repository" in refused(repo_id=name)


def test_a_name_without_an_owner(refused):
    assert "write USER/tiny" in refused(repo_id="tiny")


def test_no_network(refused, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", nobody)
    assert f"the Hub at {nobody} cannot be reached" in refused()


def test_offline_mode(refused, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused()


@pytest.mark.parametrize("kind", ["500", "503", "429", "cut-request", "lost-reply"])
def test_a_hub_that_is_down(hub, refused, kind):
    plan = hub.break_for("ada", only=(kind,), rate=1)
    said = refused()
    assert "the Hub" in said
    assert len(plan.happened) == 4  # it was asked more than once


def test_an_answer_that_repeats_the_token_is_not_repeated(hub, refused):
    plan = hub.break_for("ada", only=("echo",), rate=1, matching="POST /api/repos/create")
    assert "you sent Bearer <token>" in refused()
    assert plan.happened


@pytest.mark.parametrize("name", ["README.md", "chat_template.jinja", "metrics.json"])
def test_a_file_that_holds_the_token_is_not_published(refused, run_dir, ada, name):
    padding = "x" * ((1 << 20) - 20)  # the token lies across two chunks
    (run_dir / name).write_text(f'"{padding}{ada.token}"', encoding="utf-8")
    if name == "metrics.json":
        (run_dir / name).write_text(f'{{"recipe": "{ada.token}"}}', encoding="utf-8")
    assert "holds an access token" in refused()


def test_a_token_of_somebody_else_is_not_published_either(refused, run_dir):
    text = "hf_" + "AbCdEfGhIj" * 3 + "0123"
    (run_dir / "chat_template.jinja").write_text(text, encoding="utf-8")
    assert "chat_template.jinja holds an access token" in refused()


def test_a_pickle_under_another_name_is_not_published(refused, run_dir):
    (run_dir / "loss.png").write_bytes(b"\x80\x04\x95 a pickle")
    assert "loss.png is a pickle" in refused()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads arguments from /proc")
@pytest.mark.parametrize("login", ["variable", pytest.param("file", marks=pytest.mark.slow)])
def test_the_token_is_in_no_file_no_log_and_no_argument(hub, ada, run_dir, tmp_path, login):
    """The command as it is typed, the client's own debug output on; searched byte by byte."""
    environment = ada.environment(HF_DEBUG="1", HF_HUB_VERBOSITY="debug", TMPDIR=str(tmp_path))
    if login == "file":
        del environment["HF_TOKEN"]
        ada.home.mkdir()
        (ada.home / "token").write_text(ada.token, encoding="utf-8")
    arguments = set()
    hub.layer.watch = lambda request: arguments.update(read_arguments())
    # Faults make it talk.
    hub.break_for("ada", only=("503", "lost-reply"), rate=0.1, most=3, seed=1)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "training.publish", str(run_dir), "--repo-id", "ada/tiny"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
        )
    finally:
        hub.layer.watch = None
    assert ended.returncode == 0, ended.stderr.decode()
    assert b"loaded back with the same logits" in ended.stdout
    assert set(hub.repo("ada/tiny").tags) == {"step-4"}
    token = ada.token.encode()
    assert token not in ended.stdout + ended.stderr
    assert b"authorization" in (ended.stdout + ended.stderr).lower()  # it did talk
    assert any(b"proof.py" in line for line in arguments)
    assert not any(token in line for line in arguments)
    pushed = list(hub.store.objects.values())
    for commit in hub.repo("ada/tiny").commits.values():
        pushed += [hub.store.read(file) for file in commit.tree.values()]
        pushed += [commit.title.encode(), commit.message.encode()]
    assert len(pushed) > 20
    assert not any(token in content for content in pushed)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    holding = {path.name for path in written if token in path.read_bytes()}
    assert holding == ({"token"} if login == "file" else set())


def read_arguments() -> list[bytes]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes())
        except OSError:  # it has ended
            continue
    return lines


def test_an_error_carries_no_token(hub, ada, run_dir):
    """Nor does anything that a traceback would show."""
    import traceback

    from training.publish import publish

    hub.break_for("ada", only=("echo",), rate=1, matching="POST /api/repos/create")
    with pytest.raises(PublishError) as caught:
        publish(run_dir, "ada/tiny")
    shown = "".join(traceback.format_exception(caught.value))
    assert ada.token not in shown
