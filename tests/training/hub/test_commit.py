"""`commit_folder`, the one function that writes: for models, and for the Space."""

import ast
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from training.hub import errors
from training.hub.commit import commit_folder, put_back, read_folder
from training.hub.errors import DamagedError, PublishError

ROOT = Path(__file__).parents[3]
WRITES = {
    "create_commit",
    "upload_file",
    "upload_folder",
    "upload_large_folder",
    "push_to_hub",
    "delete_file",
    "delete_folder",
    "delete_files",
    "super_squash_history",
}


@pytest.fixture
def folder(tmp_path):
    """A Space's files, one of them in a folder of its own."""
    root = tmp_path / "space"
    (root / "compare").mkdir(parents=True)
    card = "---\nsdk: gradio\ncolorFrom: indigo\n---\nA page.\n"
    (root / "README.md").write_text(card, encoding="utf-8")
    (root / "app.py").write_text("demo = 1\n", encoding="utf-8")
    (root / "compare" / "page.py").write_text("page = 1\n", encoding="utf-8")
    (root / "secret.txt").write_text("not to be sent", encoding="utf-8")
    return root


FILES = ("README.md", "app.py", "compare/page.py")


@pytest.fixture
def commit(ada, folder, monkeypatch):
    monkeypatch.setattr(errors, "WAITS", (0.01, 0.01, 0.01))
    api = HfApi()
    api.create_repo("ada/page", repo_type="space", space_sdk="gradio", private=True)

    def commit(files=FILES, **options):
        options = {"message": "Deploy", "repo_type": "space", **options}
        return commit_folder(api, "ada/page", read_folder(folder, files), **options)

    return commit


def space(hub, revision="main"):
    return hub.files("ada/page", revision, kind="space")


def test_exactly_the_named_files_arrive_in_one_commit(hub, commit, folder):
    made = commit()
    expected = {name: (folder / name).read_bytes() for name in FILES}
    assert {k: v for k, v in space(hub, made).items() if k != ".gitattributes"} == expected
    assert len(hub.repo("ada/page", "space").commits) == 2


def test_only_what_differs_is_sent_and_nothing_makes_no_commit(hub, commit, folder):
    made = commit()
    assert commit() == made
    (folder / "app.py").write_text("demo = 2\n", encoding="utf-8")
    hub.layer.requests.clear()
    again = commit()
    assert again != made
    assert space(hub)["app.py"] == b"demo = 2\n"
    assert len(hub.repo("ada/page", "space").commits) == 3


def test_what_is_owned_goes_when_it_is_no_longer_named(hub, commit):
    commit()
    hub.store.put("space", "ada/page", {"notes.txt": b"mine"})
    commit(("README.md", "app.py"), owned=("compare/*", "*.py"))
    assert set(space(hub)) == {".gitattributes", "README.md", "app.py", "notes.txt"}


def test_a_parent_that_is_not_the_head_any_more_is_refused(hub, commit):
    parent = commit()
    hub.store.put("space", "ada/page", {"notes.txt": b"mine"})
    before = space(hub)
    with pytest.raises(PublishError, match="somebody else changed ada/page meanwhile"):
        commit(("README.md", "app.py"), owned=("compare/*",), parent=parent)
    assert space(hub) == before


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/passwd", "compare/../../outside.txt"])
def test_a_path_outside_of_the_folder_is_refused(hub, commit, folder, name):
    (folder.parent / "outside.txt").write_text("outside", encoding="utf-8")
    with pytest.raises(PublishError, match="is not a path inside"):
        commit((*FILES, name))
    assert set(space(hub)) == {".gitattributes"}


@pytest.mark.parametrize("name", ["weights.bin", "model.pt", "state.pkl", "a.ckpt", "data.txt"])
def test_a_pickle_is_refused_by_name_and_by_its_first_bytes(hub, commit, folder, name):
    (folder / name).write_bytes(b"\x80\x04\x95 pickled")
    with pytest.raises(PublishError, match="is a pickle"):
        commit((*FILES, name))
    assert set(space(hub)) == {".gitattributes"}


def test_a_file_that_is_not_there_is_named(commit):
    with pytest.raises(PublishError, match=r"nowhere\.py"):
        commit((*FILES, "nowhere.py"))


def test_a_card_that_the_hub_refuses_is_told_before_anything_is_sent(hub, commit, folder):
    (folder / "README.md").write_text("---\nsdk: gardio\n---\n", encoding="utf-8")
    with pytest.raises(PublishError, match="Invalid metadata in README"):
        commit()
    assert set(space(hub)) == {".gitattributes"}


def test_a_lost_reply_is_found(hub, commit):
    hub.break_for("ada", only=("lost-reply",), rate=1, most=1, matching="POST .*/commit/")
    made = commit()
    assert hub.repo("ada/page", "space").branches["main"].sha == made
    assert len(hub.repo("ada/page", "space").commits) == 2


def test_a_refusal_that_passes_is_waited_for(hub, commit):
    plan = hub.break_for("ada", only=("503",), rate=1, most=2, matching="POST .*/commit/")
    commit()
    assert len(plan.happened) == 2


def test_damage_is_found_and_the_old_files_come_back(hub, commit, folder):
    good = commit()
    before = space(hub)
    (folder / "app.py").write_text("demo = 2\n", encoding="utf-8")
    hub.break_for("ada", only=("corrupt-upload",), rate=1, most=1, matching="POST .*/commit/")
    with pytest.raises(DamagedError) as caught:
        commit(("README.md", "app.py"), owned=("compare/*",))
    assert space(hub) != before
    put_back(HfApi(), "ada/page", good, caught.value.commit, repo_type="space")
    assert space(hub) == before


def test_nothing_else_in_the_project_writes_to_the_hub():
    for room in ("tinygpt_hf", "training", "compare", "spaces", "benchmarks"):
        for file in (ROOT / room).rglob("*.py"):
            calls = {
                node.func.attr
                for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            }
            allowed = {"create_commit"} if file.name == "commit.py" else set()
            assert calls & WRITES <= allowed, file
