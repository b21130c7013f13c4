"""What a publish puts on the Hub, what it leaves alone, and when it does nothing."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tinygpt_hf.configuration_tinygpt import AUTO_MAP
from training import publish as command
from training.hub.commit import LocalFile
from training.hub.errors import PublishError
from training.hub.staging import MODEL
from training.publish import publish

ROOT = Path(__file__).parents[2]


class Proofs(list):
    """Stands in for the fresh process, which has its own tests: notes what it was asked."""

    def __call__(self, repo_id, commit, staged):
        self.append(commit)


@pytest.fixture
def proofs():
    return Proofs()


@pytest.fixture
def send(ada, run_dir, proofs):
    def send(source=run_dir, repo_id="ada/tiny", **options):
        return publish(source, repo_id, prove=proofs, **options)

    return send


def test_one_commit_brings_exactly_what_is_allowed(hub, send, run_dir):
    (run_dir / "notes.txt").write_text("private", encoding="utf-8")
    learned = {"metrics.jsonl", "samples.jsonl"}  # how it learned, for whoever draws its curve
    for name in learned:
        (run_dir / name).write_text('{"step": 4}\n', encoding="utf-8")
    published = send()
    files = hub.files("ada/tiny", published.pinned)
    present = {name for name in MODEL if (run_dir / name).exists()}
    about = {"README.md", "loss.png", "metrics.json", "notebook.ipynb"}
    code = {"configuration_tinygpt.py", "modeling_tinygpt.py"}
    assert set(files) == present | about | learned | code | {".gitattributes"}
    assert files["model.safetensors"] == (run_dir / "model.safetensors").read_bytes()
    for name in code:
        assert files[name] == (ROOT / "tinygpt_hf" / name).read_bytes()
    titles = [commit.title for commit in hub.repo("ada/tiny").at(published.pinned).ancestry()]
    assert titles == ["Publish step-4", "initial commit"]


def test_the_config_names_all_three_classes_and_no_path_of_this_machine(hub, send):
    send()
    config = json.loads(hub.files("ada/tiny")["config.json"])
    assert config["auto_map"] == AUTO_MAP
    assert "_name_or_path" not in config


def test_what_was_measured_goes_along_without_a_path_of_this_machine(hub, send, run_dir):
    path = run_dir / "metrics.json"
    facts = json.loads(path.read_text(encoding="utf-8")) | {"init_from": "/home/ada/runs/base"}
    path.write_text(json.dumps(facts), encoding="utf-8")
    send()
    published = json.loads(hub.files("ada/tiny")["metrics.json"])
    assert published == facts | {"init_from": "base"}
    assert not [name for name, content in hub.files("ada/tiny").items() if b"/home" in content]


def test_a_small_upload_shows_no_bars(send, capfd):
    send()
    said = capfd.readouterr()
    assert said.out + said.err == ""


def test_private_unless_said_otherwise(hub, send):
    send()
    assert hub.repo("ada/tiny").private
    send(repo_id="ada/seen", public=True)
    assert not hub.repo("ada/seen").private


def test_it_is_proved_on_a_branch_before_main_moves(hub, ada, run_dir):
    mains = []

    def prove(repo_id, commit, staged):
        repo = hub.repo(repo_id)
        assert commit in (c.sha for c in repo.branches["tinygpt-candidate"].ancestry())
        mains.append(set(repo.at("main").tree))

    publish(run_dir, "ada/tiny", prove=prove)
    assert mains == [{".gitattributes"}]
    assert set(hub.repo("ada/tiny").branches) == {"main"}


def test_what_does_not_load_never_reaches_main(hub, send, run_dir):
    def prove(*_):
        raise PublishError("its logits differ")

    with pytest.raises(PublishError, match="its logits differ"):
        publish(run_dir, "ada/tiny", prove=prove)
    repo = hub.repo("ada/tiny")
    assert set(repo.at("main").tree) == {".gitattributes"}
    assert (list(repo.tags), list(repo.branches)) == ([], ["main"])


def test_the_card_pins_the_tagged_commit(hub, send):
    published = send()
    assert hub.repo("ada/tiny").tags["step-4"].sha == published.pinned
    readme = hub.files("ada/tiny")["README.md"].decode()
    assert f'"revision": "{published.pinned}"' in readme
    assert "use_safetensors=True" in readme
    # The commit itself cannot name itself: there it is the tag.
    assert '"revision": "step-4"' in hub.files("ada/tiny", "step-4")["README.md"].decode()


def test_publishing_the_same_thing_again_makes_no_commit_and_proves_it(hub, send, proofs):
    first = send()
    count, asked = len(hub.repo("ada/tiny").commits), len(proofs)
    assert send() == first
    assert len(hub.repo("ada/tiny").commits) == count
    assert proofs[asked:] == [first.commit]


def test_a_checkpoint_is_published_under_its_own_step(hub, send, run_dir):
    published = send(run_dir / "checkpoint-2")
    files = hub.files("ada/tiny")
    assert published.tag == "step-2"
    assert (
        files["model.safetensors"] == (run_dir / "checkpoint-2" / "model.safetensors").read_bytes()
    )
    metrics = json.loads(files["metrics.json"])
    assert (metrics["steps"], metrics["val_loss"], metrics["recipe"]) == (2, 4.0, "tiny")
    # What was measured at the end of the run does not hold in its middle.
    assert "val_bits_per_byte" not in metrics
    assert "train_loss" not in metrics


def test_a_history_goes_out_in_order_and_main_ends_at_the_best(hub, send, run_dir):
    send(all_checkpoints=True)
    repo = hub.repo("ada/tiny")
    titles = [commit.title for commit in repo.at("main").ancestry()]
    assert list(dict.fromkeys(reversed(titles))) == [
        "initial commit",
        "Publish step-2",
        "Publish step-4",
    ]
    assert set(repo.tags) == {"step-2", "step-4"}
    best = (run_dir / "model.safetensors").read_bytes()
    assert hub.files("ada/tiny")["model.safetensors"] == best
    count = len(repo.commits)
    send(all_checkpoints=True)
    assert len(repo.commits) == count


def test_main_ends_at_an_earlier_checkpoint_if_that_one_is_the_best(hub, send, run_dir):
    state = {"log_history": [{"step": 2, "eval_loss": 0.5}]}
    path = run_dir / "checkpoint-2" / "trainer_state.json"
    path.write_text(json.dumps(state), encoding="utf-8")
    assert send(all_checkpoints=True).tag == "step-2"
    best = (run_dir / "checkpoint-2" / "model.safetensors").read_bytes()
    assert hub.files("ada/tiny")["model.safetensors"] == best


def other_weights(run_dir, repo_id="ada/tiny"):
    weights = bytearray((run_dir / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (run_dir / "model.safetensors").write_bytes(weights)


def test_a_tag_that_names_another_model_is_never_moved(hub, send, run_dir):
    send()
    before = hub.repo("ada/tiny").tags["step-4"], hub.files("ada/tiny")
    other_weights(run_dir)
    with pytest.raises(PublishError, match=r"not moved: add --run NAME .* as NAME-step-4"):
        send()
    assert (hub.repo("ada/tiny").tags["step-4"], hub.files("ada/tiny")) == before
    assert send(run="second").tag == "second-step-4"
    assert set(hub.repo("ada/tiny").tags) == {"step-4", "second-step-4"}


def test_a_run_is_at_the_step_whose_weights_it_kept(hub, send, run_dir):
    """A run keeps its best model, which need not be its last."""
    weights = run_dir / "checkpoint-2" / "model.safetensors"
    (run_dir / "model.safetensors").write_bytes(weights.read_bytes())
    assert send().tag == "step-2"


def test_a_tag_says_the_step_that_it_is(send, run_dir):
    with pytest.raises(PublishError, match=r"at step 4, not at step-2: publish .*checkpoint-2"):
        send(tag="step-2")
    with pytest.raises(PublishError, match="cannot be a tag"):
        send(tag="a tag")
    assert send(tag="first").tag == "first"


def test_without_a_step_a_tag_has_to_be_named(send, run_dir):
    (run_dir / "metrics.json").unlink()
    for checkpoint in run_dir.glob("checkpoint-*"):
        (checkpoint / "model.safetensors").unlink()
    with pytest.raises(PublishError, match="name it with --tag"):
        send()


def test_a_dry_run_shows_the_changes_and_touches_nothing(hub, send, run_dir):
    lines: list[str] = []
    assert send(dry_run=True, say=lines.append) is None
    assert ("model", "ada/tiny") not in hub.store.repos
    assert "would be created" in lines[0]
    assert any(line.split()[:2] == ["add", "model.safetensors"] for line in lines)
    send()
    other_weights(run_dir)
    (run_dir / "loss.png").unlink()
    hub.store.put("model", "ada/tiny", {"notes.txt": b"mine"})
    before = hub.files("ada/tiny"), dict(hub.repo("ada/tiny").branches)
    writes = len([r for r in hub.layer.requests if not r.startswith(("GET", "HEAD"))])
    lines.clear()
    send(dry_run=True, run="second", say=lines.append)
    shown = {tuple(line.split()[:2]) for line in lines[1:]}
    assert {("change", "model.safetensors"), ("remove", "loss.png"), ("keep", "notes.txt")} <= shown
    assert ("same", "tokenizer.json") in shown
    size = f"{(run_dir / 'model.safetensors').stat().st_size:,}"
    assert any("model.safetensors" in line and size in line for line in lines)
    assert (hub.files("ada/tiny"), hub.repo("ada/tiny").branches) == before
    assert len([r for r in hub.layer.requests if not r.startswith(("GET", "HEAD"))]) == writes


def test_a_repository_of_other_making_is_left_alone(hub, send):
    theirs = {"README.md": b"mine", "pytorch_model.bin": b"\x80\x02 weights"}
    hub.store.put("model", "ada/tiny", theirs)
    hub.store.put("model", "ada/tiny", {"notes.txt": b"mine"})
    before = hub.files("ada/tiny")
    with pytest.raises(PublishError, match=r"not made by this tool.*--into-existing"):
        send()
    assert hub.files("ada/tiny") == before
    send(into_existing=True)
    files = hub.files("ada/tiny")
    assert files["notes.txt"] == b"mine"
    assert "pytorch_model.bin" not in files  # it would be a second, unsafe set of weights
    send()  # now it is known


def test_a_twin_needs_no_code(hub, ada, tmp_path, proofs):
    import torch

    from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
    from tinygpt_hf.tokenization import train_char

    tokenizer = train_char(["to be or not to be"])
    config = TinyGPTConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=8,
        position_embedding="learned",
        norm_type="layer",
        hidden_act="gelu_new",
        bias=True,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    TinyGPTForCausalLM(config).save_pretrained(tmp_path / "run")
    tokenizer.save_pretrained(tmp_path / "run")
    published = publish(tmp_path / "run", "ada/twin", tag="first", twin="gpt2", prove=proofs)
    files = hub.files("ada/twin", published.pinned)
    assert not [name for name in files if name.endswith(".py")]
    assert json.loads(files["config.json"])["model_type"] == "gpt2"
    with pytest.raises(PublishError, match="has no llama twin"):
        publish(tmp_path / "run", "ada/twin2", tag="first", twin="llama", prove=proofs)
    assert ("model", "ada/twin2") not in hub.store.repos


def test_a_readme_that_was_taken_over_by_hand_stays(hub, send, run_dir):
    (run_dir / "README.md").write_text("---\nlicense: mit\n---\nMine.\n", encoding="utf-8")
    send()
    assert hub.files("ada/tiny")["README.md"].decode().endswith("Mine.\n")


@pytest.mark.parametrize("name", ["hello", "ladder/1-bigram"])
def test_a_model_that_ships_is_published_by_its_name(hub, send, name):
    published = send(name)
    weights = (ROOT / "checkpoints" / name / "model.safetensors").read_bytes()
    assert hub.files("ada/tiny")["model.safetensors"] == weights
    assert published.tag.startswith("step-")
    with pytest.raises(PublishError, match=r"no-such is not a folder.*hello.*ladder/1-bigram"):
        send("no-such")


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_half_a_run_is_not_published(hub, send, run_dir, missing):
    (run_dir / missing).unlink()
    with pytest.raises(PublishError, match=f"has no {missing}"):
        send()
    assert not hub.layer.requests or ("model", "ada/tiny") not in hub.store.repos


def test_a_pickle_is_named_as_the_reason(send, run_dir):
    (run_dir / "model.safetensors").rename(run_dir / "pytorch_model.bin")
    with pytest.raises(PublishError, match=r"pytorch_model.bin, a pickle: save safetensors"):
        send()


def test_torn_weights_are_not_published(send, run_dir):
    weights = (run_dir / "model.safetensors").read_bytes()
    (run_dir / "model.safetensors").write_bytes(weights[:-10])
    with pytest.raises(PublishError, match="not a whole safetensors file"):
        send()


def test_help_is_instant_and_the_token_is_no_flag(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    assert "--token" not in capsys.readouterr().out
    heavy = "import sys, training.publish; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", heavy], cwd=ROOT).returncode == 0


def test_a_folder_is_read_once_from_run_to_commit(hub, send, monkeypatch):
    """Hashed and searched for secrets in one pass; the card anew each time it is written."""
    read: list[tuple[str, str]] = []
    whole = LocalFile.read.__func__

    def counted(cls, path):
        file = whole(cls, path)
        read.append((path.name, file.sha256))
        return file

    monkeypatch.setattr(LocalFile, "read", classmethod(counted))
    published = send()
    assert {name for name, _ in read} == set(hub.files("ada/tiny", published.pinned)) - {
        ".gitattributes"
    }
    assert [name for name, times in Counter(read).items() if times > 1] == []
    assert {name for name, times in Counter(name for name, _ in read).items() if times > 1} == {
        "README.md",
        "notebook.ipynb",
    }
