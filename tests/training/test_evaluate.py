"""Bits per byte from the command line: the same bytes for any two models."""

import json

import pytest
from transformers import GPT2Config, GPT2LMHeadModel

from tinygpt_hf.scoring import score
from tinygpt_hf.tokenization import train_bpe
from training.evaluate import main
from training.loop.models import open_any
from training.train import main as train

TEXT = "the quick brown fox jumps over the lazy dog — naïve, twice.\n" * 4


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """One of ours on characters, and a GPT-2 of transformers' own with a BPE."""
    folder = tmp_path_factory.mktemp("models")
    ours, theirs = folder / "ours", folder / "theirs"
    assert train(["hello", "--output_dir", str(folder / "hello"), "--max_steps", "1"]) == 0
    (folder / "text.txt").write_text(TEXT * 20, encoding="utf-8")
    flags = ["--max_steps", "2", "--max_position_embeddings", "32", "--save_strategy", "no"]
    assert train([str(folder / "text.txt"), "--output_dir", str(ours), *flags]) == 0
    tokenizer = train_bpe([TEXT], 280, show_progress=False)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=64, n_embd=16, n_layer=1, n_head=2,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(theirs)
    tokenizer.save_pretrained(theirs)
    (folder / "short.txt").write_text(TEXT, encoding="utf-8")
    return folder


def test_both_models_over_the_same_bytes(models, capsys):
    text = str(models / "short.txt")
    names = [str(models / "ours"), str(models / "theirs")]
    assert main([names[0], "--text", text, "--against", names[1], "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["bytes"] == len(TEXT.encode())
    for found, name in zip(result["models"], names, strict=True):
        model, tokenizer, _ = open_any(name)
        expected = score(model, tokenizer, TEXT)
        assert found["model"] == name
        assert found["bits_per_byte"] == pytest.approx(expected.bits_per_byte)
        assert found["tokens"] == len(expected.tokens)
    assert "blind guess" in result["models"][0]["first"]
    assert "begins a text" in result["models"][1]["first"]


def test_the_table_says_the_same(models, capsys):
    assert main([str(models / "ours"), "--text", str(models / "short.txt")]) == 0
    shown = capsys.readouterr().out
    assert f"{len(TEXT.encode()):,} bytes" in shown
    assert "blind guess" in shown
    assert "a window of 32" in shown


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"abc\xff", "is not UTF-8: byte 0xFF at offset 3"),
        (None, "text.txt: no such file"),
    ],
)
def test_text_that_cannot_be_read(content, complaint, models, tmp_path, capsys):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    assert main([str(models / "ours"), "--text", str(path)]) == 1
    assert complaint in capsys.readouterr().err


def test_a_text_that_a_closed_vocabulary_lacks(models, capsys):
    assert main([str(models / "hello"), "--text", str(models / "short.txt")]) == 1
    assert "'t'" in capsys.readouterr().err


def test_a_model_that_learns_while_it_reads_is_shown_beside_itself(models, capsys):
    text = models / "long.txt"
    text.write_text(TEXT * 6, encoding="utf-8")
    command = [str(models / "ours"), "--text", str(text), "--adapt"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["models"][0]
    adapting = found["adapting"]
    assert adapting["bits_per_byte"] == pytest.approx(adapting["without"] * (1 - adapting["gain"]))
    assert adapting["gain"] > 0  # it was hardly trained, and the text repeats itself
    assert main(command) == 0
    assert f"{adapting['gain']:.1%} fewer than over the same windows" in capsys.readouterr().out
