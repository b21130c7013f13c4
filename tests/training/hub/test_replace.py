"""What is on `main` is replaced by nothing but a later step of the same run, unless it is asked."""

import json

import pytest

from tests.fixtures_hub import write_json
from tests.training.test_publish import other_weights
from training.hub.background import Publisher
from training.hub.errors import PublishError
from training.publish import publish


@pytest.fixture
def send(ada, run_dir):
    def send(source=run_dir, **options):
        return publish(source, "ada/tiny", prove=lambda *_: None, **options)

    return send


def another_run(run_dir):
    """The same folder, as another run would have left it."""
    path = run_dir / "metrics.json"
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | {"run": "another"})
    other_weights(run_dir)


def weights(folder) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_another_run_is_refused_and_told_what_is_there(hub, send, run_dir):
    send()
    before = hub.files("ada/tiny")
    another_run(run_dir)
    with pytest.raises(PublishError, match="--replace --run NAME"):  # step-4 is taken
        send()
    for options in ({}, {"run": "second"}, {"dry_run": True}, {"all_checkpoints": True}):
        with pytest.raises(PublishError) as caught:
            send(**options)
        said = str(caught.value)
        assert "holds the model of another run (recipe tiny, step 4, validation loss 2.0000" in said
        assert "add --replace" in said
    assert hub.files("ada/tiny") == before
    assert set(hub.repo("ada/tiny").branches) == {"main"}
    send(replace=True, run="second")
    assert hub.files("ada/tiny")["model.safetensors"] == weights(run_dir)
    assert set(hub.repo("ada/tiny").tags) == {"step-4", "second-step-4"}


def test_a_run_is_known_by_its_mark(hub, send, run_dir):
    """Two runs of one recipe and seed are two, where each has a mark of its own."""
    path = run_dir / "metrics.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    write_json(path, facts | {"run": "one"})
    send()
    other_weights(run_dir)
    with pytest.raises(PublishError, match="step-4 in ada/tiny names another model"):
        send()
    write_json(path, facts | {"run": "two"})
    with pytest.raises(PublishError, match="holds the model of another run"):
        send()


def test_an_older_step_is_refused_and_a_newer_one_is_not(hub, send, run_dir):
    send(run_dir / "checkpoint-2")
    send(run_dir / "checkpoint-4")
    del hub.repo("ada/tiny").tags["step-2"]
    with pytest.raises(PublishError, match=r"a later step of this run \(.*step 4.*--replace"):
        send(run_dir / "checkpoint-2")
    assert hub.files("ada/tiny")["model.safetensors"] == weights(run_dir / "checkpoint-4")
    send(run_dir / "checkpoint-2", replace=True)
    assert hub.files("ada/tiny")["model.safetensors"] == weights(run_dir / "checkpoint-2")


def test_an_earlier_history_is_tagged_beside_main(hub, send, run_dir):
    published = send()
    send(all_checkpoints=True)
    repo = hub.repo("ada/tiny")
    assert set(repo.tags) == {"step-2", "step-4"}
    assert published.commit == repo.branches["main"].sha
    assert hub.files("ada/tiny", "step-2")["model.safetensors"] == weights(run_dir / "checkpoint-2")
    assert set(repo.branches) == {"main"}


def test_a_model_that_nobody_describes_is_another_one(hub, send):
    hub.store.put("model", "ada/tiny", {"model.safetensors": b"by hand"})
    with pytest.raises(PublishError, match=r"another run \(nothing is said about it\)"):
        send(into_existing=True)


def test_a_training_that_would_replace_another_run_does_not_begin(hub, ada, send, run_dir):
    send()
    with pytest.raises(PublishError, match=r"holds the model of another run .*--replace`"):
        Publisher("ada/tiny")
    Publisher("ada/tiny", run_dir=run_dir).finish()  # the run that goes on is no other


def test_what_the_author_chose_stays_chosen(hub, send, run_dir):
    lines: list[str] = []
    send(say=lines.append)
    assert lines[-1] == (
        "the card names no license or language, which is yours to choose: --license and --language"
    )
    front = hub.files("ada/tiny")["README.md"].decode().split("---\n")[1]
    assert "license:" not in front
    assert "language:" not in front
    lines.clear()
    send(license="mit", language="en", say=lines.append)
    assert not [line for line in lines if "card names no" in line]
    send()
    front = hub.files("ada/tiny")["README.md"].decode().split("---\n")[1]
    assert "license: mit" in front
    assert "language: en" in front
