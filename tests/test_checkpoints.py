"""What ships loads, says what its card says, and does what its recipe promises."""

import json
import sys
from pathlib import Path

import pytest
import torch

from tinygpt_hf.loading import load
from tinygpt_hf.scoring import score
from training.hub.card import Chosen, render_card

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"
SHIPPED = sorted(
    p.parent.relative_to(CHECKPOINTS).as_posix() for p in CHECKPOINTS.rglob("config.json")
)
A_SAMPLE = (  # of the part of Tiny Shakespeare that no model trained on
    "GREMIO:\nGood morrow, neighbour Baptista.\n\nBAPTISTA:\nGood morrow, neighbour Gremio.\n"
    "God save you, gentlemen!\n\nPETRUCHIO:\nAnd you, good sir! Pray, have you not a daughter\n"
    "Call'd Katharina, fair and virtuous?\n"
)


def greedy(name: str, prompt: str, new: int) -> str:
    model, tokenizer = load(name)
    ids = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
    with torch.no_grad():
        out = model.generate(**ids, max_new_tokens=new, do_sample=False)
    return tokenizer.decode(out[0], skip_special_tokens=True)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_checkpoint_is_whole_and_says_what_it_is(name):
    folder = CHECKPOINTS / name
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    model, tokenizer = load(str(folder))
    assert metrics["parameters"] == model.num_parameters()
    assert len(tokenizer) == model.config.vocab_size
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"{model.num_parameters():,} parameters" in card
    assert metrics["recipe"] in card
    assert card == render_card(folder, chosen=Chosen(license="apache-2.0", language="en"))
    assert "auto_map" not in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert not [p for p in folder.iterdir() if p.suffix in (".bin", ".pt", ".pkl", ".py")]


def test_together_they_are_small():
    assert sum(p.stat().st_size for p in CHECKPOINTS.rglob("*") if p.is_file()) < 64e6


# Bytes of a model's weights, those of its moments together, at most.
ROOM = {
    "shakespeare": 14e6,
    "stories": 10e6,
    "stories-gpt2": 6e6,
    "chat": 10e6,
    "history-stories": 3e6,
}


@pytest.mark.parametrize("name", [name for name in SHIPPED if name in ROOM])
def test_each_is_as_small_as_it_has_to_be(name):
    weights = (CHECKPOINTS / name).glob("*.safetensors")
    assert sum(p.stat().st_size for p in weights) <= ROOM[name]


@pytest.fixture
def make(monkeypatch):
    monkeypatch.syspath_prepend(CHECKPOINTS)
    monkeypatch.delitem(sys.modules, "make", raising=False)
    import make

    yield make
    sys.modules.pop("make", None)


def test_of_a_long_run_every_tenth_loss_ships_and_every_one_of_validation(make, tmp_path):
    metrics = tmp_path / "metrics.jsonl"
    rows = [{"step": step} | ({"val_loss": 1.0} if step == 1001 else {}) for step in range(1, 6002)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    metrics.write_text(text, encoding="utf-8")
    make.thin(metrics)
    steps = [json.loads(line)["step"] for line in metrics.read_text(encoding="utf-8").splitlines()]
    assert steps == sorted([*range(10, 6001, 10), 1001])
    short = "".join(text.splitlines(keepends=True)[:6000])
    metrics.write_text(short, encoding="utf-8")
    make.thin(metrics)
    assert metrics.read_text(encoding="utf-8") == short


def test_every_command_that_makes_a_model_is_understood(make):
    from training.loop import arguments

    for name, command in make.COMMANDS.items():
        flags = arguments.parse([*command.split(), "--output_dir", name])
        assert flags["max_steps"] > max(flags["save_at"])


def test_hello_says_hello_for_500_characters():
    text = greedy("hello", "hell", 500)
    assert text == ("hello " * 100)[: len(text)]
    assert len(text) == 504


def test_next_char_knows_two_words_and_cannot_spell_a_third():
    assert greedy("next-char", "the c", 1) == "the ca"
    assert greedy("next-char", "sat o", 1) == "sat on"
    assert greedy("next-char", "the c", 16).startswith("the cat sat on hte ma")


def test_minigpt_ends_its_sentence_by_itself():
    assert greedy("minigpt", "the", 60) == "the read a book by the fire"


def test_repeat_copies_what_it_has_read_and_stops_by_itself():
    assert greedy("repeat", "<|endoftext|>qwhzkqw", 20) == "qwhzkqwhzk"
    assert greedy("repeat", "<|endoftext|>gfjxtmag", 20) == "gfjxtmagfjxtma"
    weights = CHECKPOINTS / "repeat" / "model.safetensors"
    assert weights.stat().st_size < 1e6


# Bits per byte of the sample, and the first words after ROMEO, as measured when they were made.
MADE = {
    "bigram": (4.0124, "\n\n\n"),
    "chat": (9.3341, " The model is the same"),
    "chat-base": (6.1642, " it right design, clean"),
    "history": (2.0969, "\nThe shall be the stand "),
    "ladder/1-bigram": (4.0176, "\n\n\n"),
    "ladder/2-one-head": (3.9814, "\nThe the the the the the"),
    "ladder/3-many-heads": (3.4804, "\nThe that the the there "),
    "ladder/4-mlp": (3.0159, "\nI will the the shat she"),
    "ladder/5-residual-norm": (2.5469, "\nThe shall the shall the"),
    "ladder/6-all": (1.7003, "\nI will not the service "),
    "shakespeare": (1.4774, "\nThe prince is the sea t"),
    "shakespeare-gpt2": (1.9947, "\nI will the shall the se"),
}


@pytest.mark.parametrize("name", [name for name in SHIPPED if name in MADE])
def test_it_predicts_and_writes_what_it_did_when_it_was_made(name):
    bits, text = MADE[name]
    assert score(*load(name), A_SAMPLE).bits_per_byte == pytest.approx(bits, abs=2e-3)
    assert greedy(name, "ROMEO:", 24).startswith("ROMEO:" + text)
