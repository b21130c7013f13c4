"""The stranger's proof finds what differs, and puts up with a connection that breaks."""

import shutil
import struct

import pytest

from tests.training.test_publish import other_weights
from training.hub import proof
from training.hub.errors import PublishError
from training.hub.verification import Stranger
from training.publish import publish


@pytest.fixture
def prove(hub, ada, run_dir, tmp_path, monkeypatch):
    """Proves what is published of a run against a copy of it, which a test may change."""
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(proof, "WAITS", (0.01, 0.01))
    kept = []

    def keep(repo_id, commit, staged):
        copy = shutil.copytree(staged.folder, tmp_path / "copy", dirs_exist_ok=True)
        kept.append({"repo_id": repo_id, "commit": commit, "folder": str(copy), "sha256": {}})

    publish(run_dir, "ada/tiny", prove=keep)
    commit = hub.repo("ada/tiny").branches["main"].sha
    return lambda **changed: proof.problem(**kept[0] | {"commit": commit} | changed)


def test_the_same_model_is_the_same(prove):
    assert prove() is None


def test_a_byte_that_changed_is_found(prove):
    assert prove(sha256={"config.json": "0" * 64}) == "config.json came back changed"


def test_other_weights_are_found(prove, tmp_path):
    other_weights(tmp_path / "copy")
    assert prove() == "its logits differ"


def test_weights_that_are_no_numbers_are_found(hub, prove, tmp_path):
    path = tmp_path / "copy" / "model.safetensors"
    header = struct.unpack("<Q", path.read_bytes()[:8])[0] + 8
    size = path.stat().st_size - header
    path.write_bytes(path.read_bytes()[:header] + b"\xff" * size)
    assert prove() == "its logits are not numbers"


def test_another_tokenizer_is_found(prove, tmp_path):
    path = tmp_path / "copy" / "tokenizer.json"
    text = path.read_text(encoding="utf-8").replace('"q"', '"@"').replace('"u"', '"q"')
    path.write_text(text.replace('"@"', '"u"'), encoding="utf-8")
    assert prove() == "its tokenizer reads text differently"


def test_what_is_missing_is_told_in_one_line(prove):
    assert "\n" not in prove(commit="0" * 40)


@pytest.mark.parametrize("kind", ["500", "lost-reply", "cut-reply"])
def test_a_connection_that_breaks_is_tried_again(hub, prove, kind):
    plan = hub.break_for("ada", only=(kind,), rate=1, most=2, matching="/resolve/|GET /lfs/")
    assert prove() is None
    assert plan.happened


def test_a_stranger_that_dies_is_told_and_replaced(hub, ada, run_dir):
    with Stranger() as stranger:
        stranger._process.kill()
        with pytest.raises(PublishError, match="the process that loads it ended with -9"):
            publish(run_dir, "ada/tiny", prove=stranger)
        assert set(hub.files("ada/tiny")) == {".gitattributes"}
        publish(run_dir, "ada/tiny", prove=stranger)
    assert set(hub.repo("ada/tiny").tags) == {"step-4"}
