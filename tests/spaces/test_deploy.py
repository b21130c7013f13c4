"""A Space is made, made again, changed: one commit each time, and none where nothing changed."""

import os
import subprocess
import sys

import pytest

from tests.hub.metadata import front_matter

from .conftest import CARGO, ROOT

THUMBNAIL = (ROOT / "spaces" / "thumbnail.png").exists()


def titles(hub) -> list[str]:
    return [c.title for c in hub.repo("ada/page", "space").at("main").ancestry()]


def test_a_new_space_holds_what_may_travel_and_no_more(hub, send):
    said = send()
    files = hub.files("ada/page", kind="space")
    expected = {name: content.encode() for name, content in CARGO.items()}
    assert {name: files[name] for name in expected} == expected
    added = {"README.md", ".gitattributes"} | ({"thumbnail.png"} if THUMBNAIL else set())
    assert set(files) - set(expected) == added
    assert titles(hub) == ["Deploy the page", "initial commit"]
    assert said[-2] == "asked to continue 'To be or not to be', it writes 'that is the question'"
    assert said[-1].startswith(f"{hub.url}/spaces/ada/page is at ")


def test_a_new_space_is_public_and_on_zerogpu_and_has_no_secret(hub, send):
    send()
    space = hub.repo("ada/page", "space")
    assert (space.sdk, space.hardware, space.private) == ("gradio", "zero-a10g", False)
    assert (space.variables, space.secrets) == ({}, {})
    assert not any("secrets" in request for request in hub.layer.requests)


def test_a_new_space_can_be_private_and_on_other_hardware(hub, send):
    send(private=True, hardware="cpu-basic")
    space = hub.repo("ada/page", "space")
    assert (space.hardware, space.private) == ("cpu-basic", True)


def test_deployed_again_unchanged_makes_no_commit(hub, send):
    send()
    first = hub.repo("ada/page", "space").at("main")
    hub.layer.requests.clear()
    said = send()
    assert hub.repo("ada/page", "space").at("main") == first
    assert "nothing to commit" in said
    assert not any(request.startswith(("POST", "PUT", "DELETE")) for request in hub.layer.requests)


def test_an_update_is_one_commit_and_removes_what_is_gone(hub, send, project):
    send()
    hub.store.put("space", "ada/page", {"notes.txt": b"by hand"})
    (project / "app.py").write_text("import compare.page", encoding="utf-8")
    (project / "compare" / "style.css").unlink()
    (project / "compare" / "new.css").write_text("", encoding="utf-8")
    send()
    files = hub.files("ada/page", kind="space")
    assert files["app.py"] == b"import compare.page"
    assert "compare/new.css" in files
    assert "compare/style.css" not in files
    assert files["notes.txt"] == b"by hand"
    assert titles(hub) == ["Deploy the page", "by hand", "Deploy the page", "initial commit"]


def test_an_update_leaves_hardware_and_visibility_alone(hub, send, project):
    send()
    space = hub.repo("ada/page", "space")
    space.hardware, space.private = "t4-small", True
    (project / "app.py").write_text("", encoding="utf-8")
    send()
    assert (space.hardware, space.private) == ("t4-small", True)


@pytest.fixture
def models(hub):
    hub.store.put("model", "bob/tiny", {"config.json": b"{}", "model.safetensors": b"weights"})
    hub.store.put("model", "bob/big", {"config.json": b"{}", "model.safetensors": b"weights"})
    return hub.repo("bob/tiny").at("main").sha


def test_models_become_variables_and_are_named_on_the_card(hub, send, models, answers):
    send(model=f"bob/tiny@{models[:9]}", baseline="bob/big")
    space = hub.repo("ada/page", "space")
    wanted = {"TINYGPT_MODEL": f"bob/tiny@{models[:9]}", "TINYGPT_BASELINE": "bob/big"}
    assert space.variables == wanted
    card = front_matter(hub.files("ada/page", kind="space")["README.md"].decode())
    assert card["models"] == ["openai-community/gpt2", "bob/tiny", "bob/big"]
    assert answers == [wanted["TINYGPT_MODEL"]]


def test_without_the_flags_the_variables_stay(hub, send, models):
    send(model="bob/tiny")
    before = hub.files("ada/page", kind="space")
    said = send()
    assert hub.repo("ada/page", "space").variables == {"TINYGPT_MODEL": "bob/tiny"}
    assert hub.files("ada/page", kind="space") == before
    assert "nothing to commit" in said


def test_another_model_is_another_value_and_the_card_follows(hub, send, models):
    send(model="bob/tiny")
    said = send(model="hello", baseline="none")
    space = hub.repo("ada/page", "space")
    assert space.variables == {"TINYGPT_MODEL": "hello", "TINYGPT_BASELINE": "none"}
    assert "TINYGPT_MODEL is hello" in said
    card = front_matter(hub.files("ada/page", kind="space")["README.md"].decode())
    assert card["models"] == ["openai-community/gpt2"]


def test_a_dry_run_shows_names_and_sizes_and_makes_no_space(hub, send, models):
    said = send(dry_run=True, model="bob/tiny")
    assert said[0].startswith("ada/page (public) would be created on zero-a10g; this is a dry run")
    assert ["add", "app.py", "14", "bytes"] in [line.split() for line in said]
    assert said[-2].split()[0] == str(len(CARGO) + 1 + THUMBNAIL)
    assert said[-1] == "  set     TINYGPT_MODEL=bob/tiny"
    assert ("space", "ada/page") not in hub.store.repos
    assert not any(request.startswith(("POST", "PUT", "DELETE")) for request in hub.layer.requests)


def test_a_dry_run_of_an_update_shows_what_differs_and_changes_nothing(hub, send, project):
    send()
    before = hub.files("ada/page", kind="space")
    (project / "app.py").write_text("changed", encoding="utf-8")
    (project / "compare" / "style.css").unlink()
    hub.layer.requests.clear()
    listed = [line.split()[:2] for line in send(dry_run=True)]
    assert ["change", "app.py"] in listed
    assert ["remove", "compare/style.css"] in listed
    assert ["same", "compare/page.py"] in listed
    assert ["keep", ".gitattributes"] in listed
    assert hub.files("ada/page", kind="space") == before
    assert not any(request.startswith(("POST", "PUT", "DELETE")) for request in hub.layer.requests)


def test_the_command_says_where_the_page_is(hub, ada, project, command, answers, capsys):
    assert command.main(["--repo-id", "ada/page"]) == 0
    said = capsys.readouterr()
    assert f"{hub.url}/spaces/ada/page is at " in said.out


def test_help_comes_at_once_and_from_any_folder(tmp_path):
    """Nothing heavy is imported for it, and the project need not be installed."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", str(ROOT / "spaces" / "deploy.py"), "--help"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        encoding="utf-8",
    )
    assert ended.returncode == 0, ended.stderr
    assert "--repo-id" in ended.stdout
    imported = {line.split("|")[-1].strip() for line in ended.stderr.splitlines()}
    assert "training.hub.commit" in imported
    assert not imported & {"torch", "transformers", "gradio", "gradio_client"}
