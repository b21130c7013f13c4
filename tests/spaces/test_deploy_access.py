"""Who may not deploy, or what could not run there, is told in one line; nothing changes."""

import socket

import pytest
from huggingface_hub import constants

from tests.training.hub.test_access import snapshot


@pytest.fixture
def refused(hub, ada, command, project, capsys):
    """Runs the command; returns its only line of error, after checking that nothing changed."""

    def refused(*flags: str, repo_id: str = "ada/page") -> str:
        before = snapshot(hub), [dict(repo.variables) for repo in hub.store.repos.values()]
        assert command.main(["--repo-id", repo_id, *flags]) == 1
        after = snapshot(hub), [dict(repo.variables) for repo in hub.store.repos.values()]
        assert after == before
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1, said.err
        assert ada.token not in said.err
        return said.err

    return refused


def test_a_token_that_nobody_knows(hub, refused):
    hub.app.accounts.clear()
    assert "refuses the access token" in refused()


def test_a_token_that_may_only_read(hub, ada, refused):
    hub.account(ada.name, ada.token, role="read")
    assert "may only read" in refused()


def test_no_token(refused, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert "no access token" in refused()


def test_someone_elses_space(hub, refused):
    hub.store.put("space", "bob/page", {"app.py": b"Bob's"})
    assert "ada may not write to bob/page: the owner must be ada" in refused(repo_id="bob/page")


def test_a_space_of_ones_own_that_was_made_otherwise(hub, refused):
    hub.store.put("space", "ada/page", {"app.py": b"by hand"})
    assert "ada/page is a Space that this tool did not make: choose another name" in refused()


def test_a_space_whose_only_commit_is_a_copy_of_another(hub, refused):
    """Duplicating a Space leaves one commit, which holds everything."""
    hub.store.create("space", "ada/page", sdk="gradio")
    repo = hub.repo("ada/page", "space")
    copied = hub.store.put("space", "bob/page", {"app.py": b"Bob's"}).tree
    repo.branches.clear()
    repo.commit("main", copied, "Duplicate from bob/page")
    assert "did not make" in refused()


def test_a_space_that_was_only_just_made_on_the_website(hub, send):
    """It holds a card and nothing else: nobody's work is lost."""
    hub.store.create("space", "ada/page", sdk="gradio")
    repo = hub.repo("ada/page", "space")
    tree = dict(repo.branches["main"].tree)
    hub.store.put("space", "bob/other", {"README.md": b"---\nsdk: gradio\n---\n"})
    tree["README.md"] = hub.repo("bob/other", "space").at("main").tree["README.md"]
    repo.branches.clear()
    repo.commit("main", tree, "initial commit")
    send()
    assert "app.py" in hub.files("ada/page", kind="space")


def test_no_network(refused, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", nobody)
    assert f"the Hub at {nobody} cannot be reached" in refused()


def test_a_space_that_the_hub_will_not_make(hub, refused):
    plan = hub.break_for("ada", only=("403",), rate=1, matching="POST /api/repos/create")
    said = refused()
    assert "the Hub makes no Space ada/page on zero-a10g: Forbidden" in said
    assert plan.happened


@pytest.mark.parametrize("flag", ["--model", "--baseline"])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("runs/mine", "is not on the Hub, and a Space cannot see the folders of this machine"),
        ("mine", "is not on the Hub"),
        ("/tmp/mine", "is not on the Hub"),
        ("bob/nothing", "cannot be loaded without a token"),
        ("bob/secret", "cannot be loaded without a token"),
        ("bob/gated", "cannot be loaded without a token"),
        ("bob/tiny@elsewhere", "cannot be loaded without a token"),
        ("bob/pickle", "holds no safetensors"),
    ],
)
def test_a_model_that_the_space_could_not_load(hub, refused, project, monkeypatch, flag, name, why):
    """It is asked for as the Space will ask: by name, and without a token."""
    monkeypatch.chdir(project)
    for repo in ("tiny", "secret", "gated"):
        hub.store.put("model", f"bob/{repo}", {"model.safetensors": b"weights"})
    hub.store.put("model", "bob/pickle", {"pytorch_model.bin": b"weights"})
    hub.repo("bob/secret").private = True
    hub.repo("bob/gated").gated = True
    assert f"error: {name} {why}" in refused(flag, name)


def test_a_private_model_of_ones_own_is_not_promised_to_a_space(hub, refused):
    hub.store.put("model", "ada/mine", {"model.safetensors": b"weights"})
    hub.repo("ada/mine").private = True
    assert "none is put into a Space" in refused("--model", "ada/mine")


def test_a_file_that_holds_a_token_does_not_travel(refused, ada, project):
    (project / "compare" / "page.py").write_text(f"token = {ada.token!r}", encoding="utf-8")
    assert "page.py holds an access token" in refused()
