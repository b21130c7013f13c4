"""The command that trains a tokenizer says what it made, and in one line why it could not."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from tinygpt_hf.tokenization import train_bpe
from training import tokenizer as command
from training.tokenizer import GPT2, main

TEXT = "".join(f"Line {i}: to be, or not to be, that is the question.\n" for i in range(400))


@pytest.fixture
def text_file(tmp_path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def run(*args) -> int:
    return main([str(arg) for arg in args])


def test_a_bpe_is_trained_saved_and_described(text_file, tmp_path, capsys):
    out = tmp_path / "out"
    flags = ("--kind", "bpe", "--vocab_size", 300, "--chat", "--output_dir", out)
    assert run("--data", text_file, *flags) == 0
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert len(tokenizer) == 300
    assert tokenizer.chat_template
    shown = capsys.readouterr().out
    assert f"{GPT2}'s tokenizer is not available here" in shown
    held = TEXT[TEXT.index("\n", len(TEXT) - len(TEXT) // 20) + 1 :]
    ratio = len(held) / len(tokenizer(held)["input_ids"])
    assert f"bytes per token {ratio:>12.3f}" in shown
    assert f"{len(held):,} bytes that were held out" in shown
    assert "longest tokens of this one: ' question'" in shown


def test_a_bpe_is_cut_as_gpt2_cuts_where_asked(text_file, tmp_path, capsys):
    flags = ("--kind", "bpe", "--vocab_size", 300)
    cuts = {}
    for cut in ("lines", "gpt2"):
        out = tmp_path / cut
        assert run("--data", text_file, *flags, "--bpe_cut", cut, "--output_dir", out) == 0
        words = AutoTokenizer.from_pretrained(out).backend_tokenizer.pre_tokenizer
        cuts[cut] = [word for word, _ in words.pre_tokenize_str("a \nb")]
    assert cuts == {"lines": ["a", "ĠĊ", "b"], "gpt2": ["a", "Ġ", "Ċ", "b"]}
    with pytest.raises(SystemExit):
        run("--data", text_file, "--kind", "char", "--bpe_cut", "gpt2", "--output_dir", tmp_path)
    assert "--bpe_cut is for --kind bpe" in capsys.readouterr().err


def test_the_other_tokenizer_stands_beside(text_file, tmp_path, capsys):
    train_bpe([TEXT], 290).save_pretrained(tmp_path / "other")
    out = tmp_path / "out"
    flags = ("--kind", "char", "--output_dir", out, "--against", tmp_path / "other")
    assert run("--data", text_file, *flags) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["vocabulary", "245", "290"]
    assert lines[2].split()[:4] == ["bytes", "per", "token", "1.000"]
    assert float(lines[2].split()[4]) > 2
    assert "longest tokens of this one: a character each" in lines
    assert any(line.startswith("longest tokens of ") and "' question'" in line for line in lines)


def test_what_is_held_out_is_not_learned(text_file, tmp_path):
    text_file.write_text(TEXT + "é\n", encoding="utf-8")
    assert run("--data", text_file, "--kind", "char", "--output_dir", tmp_path / "out") == 0
    assert len(AutoTokenizer.from_pretrained(tmp_path / "out")) == 245


def test_a_text_too_short_to_hold_any_out_is_learned_whole(tmp_path, capsys):
    (tmp_path / "short.txt").write_text("é", encoding="utf-8")
    out = tmp_path / "out"
    assert run("--data", tmp_path / "short.txt", "--kind", "char", "--output_dir", out) == 0
    assert len(AutoTokenizer.from_pretrained(out)) == 246
    assert "bytes per token" not in capsys.readouterr().out


def test_what_is_held_out_fits_in_memory(monkeypatch):
    monkeypatch.setattr(command, "MOST_HELD_OUT", 100)
    held: list[str] = []
    learned = list(command.hold_out(iter([TEXT] * 50), held))
    assert len(held) == 1
    assert "".join(learned[1:]) == TEXT * 49
    assert learned[0] + held[0] == TEXT


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--kind", "bpe", "--vocab_size", "99"), "vocab_size is 99; a BPE has 257 to 50,257"),
        (("--kind", "char", "--min_freq", "0"), "min_freq is 0; it must be at least 1"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(text_file, tmp_path, capsys, flags, message):
    assert run("--data", text_file, *flags, "--output_dir", tmp_path / "out") == 1
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file"), (b"ab\xff", "is not UTF-8: byte 0xFF at offset 2")],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, capsys, content, message):
    path = tmp_path / "bad.txt"
    if content is not None:
        path.write_bytes(content)
    assert run("--data", path, "--kind", "bpe", "--output_dir", tmp_path / "out") == 1
    shown = capsys.readouterr().err
    assert str(path) in shown
    assert message in shown
    assert shown.count("\n") == 1


def test_characters_have_no_size_to_choose(text_file, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("--data", text_file, "--kind", "char", "--vocab_size", 9, "--output_dir", tmp_path)
    assert "--vocab_size is for --kind bpe" in capsys.readouterr().err


def test_help_imports_nothing_heavy():
    script = """
import sys
from training.tokenizer import main
try:
    main(["--help"])
except SystemExit:
    assert not {"torch", "transformers", "tokenizers", "numpy"} & sys.modules.keys()
    print("instant")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert done.stdout.endswith("instant\n")


def test_any_text_is_shown_on_any_console(tmp_path, monkeypatch):
    """Tokens of a text in another script, on a console that cannot write it."""
    path = tmp_path / "text.txt"
    path.write_text("生活的真谛是\n" * 50, encoding="utf-8")
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", console)
    flags = ("--kind", "bpe", "--vocab_size", 300, "--output_dir", tmp_path / "out")
    assert run("--data", path, *flags) == 0
    console.flush()
    assert rb"\u751f" in console.buffer.getvalue()
