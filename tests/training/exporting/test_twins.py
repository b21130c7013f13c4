"""`--to gpt2` and `llama`: a plain folder that anyone loads, or what prevents it."""

import subprocess
import sys

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.export import main

from .models import char, fitting, folder, logits

TEXT = "To be, or not"


@pytest.mark.parametrize(
    ("kind", "cls"), [("gpt2", "GPT2LMHeadModel"), ("llama", "LlamaForCausalLM")]
)
def test_a_plain_folder(kind, cls, tmp_path, capsys):
    tokenizer = char(chat=True)
    model = fitting(kind, tokenizer)
    source, out = folder(tmp_path / "mine", model, tokenizer), tmp_path / "out"
    assert main([str(source), "--to", kind, "--output", str(out)]) == 0
    assert capsys.readouterr().out.startswith(f"{out}: a {cls} and its tokenizer")
    assert not list(out.glob("*.py"))
    theirs = AutoModelForCausalLM.from_pretrained(out, trust_remote_code=False)
    assert type(theirs).__name__ == cls
    ids = AutoTokenizer.from_pretrained(out)(TEXT)["input_ids"]
    ours = logits(model, ids)
    assert (logits(theirs, ids) - ours).abs().max() < 1e-5 * ours.abs().max()


@pytest.mark.parametrize(
    ("shape", "kind", "named"),
    [
        ("modern", "llama", "no llama twin: position_embedding is 'relative'"),
        ("llama", "gpt2", "no gpt2 twin: position_embedding is 'rotary'"),
        ("hello", "gpt2", "no gpt2 twin: norm_position is 'after'"),
    ],
)
def test_the_setting_that_prevents_it_and_the_way_out(shape, kind, named, tmp_path, capsys):
    source = folder(tmp_path / "mine", fitting(shape, char()), char())
    assert main([str(source), "--to", kind, "--output", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert named in said
    assert "--arch llama" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_export_again_replaces_its_own_files_and_no_others(tmp_path):
    source, out = folder(tmp_path / "mine", fitting("gpt2", char()), char()), tmp_path / "out"
    for _ in range(2):
        assert main([str(source), "--to", "gpt2", "--output", str(out)]) == 0
        (out / "notes.txt").write_text("mine", encoding="utf-8")
    assert (out / "notes.txt").is_file()
    assert not list(tmp_path.glob(".out*"))


def test_an_output_that_is_a_file_is_said(tmp_path, capsys):
    source = folder(tmp_path / "mine", fitting("gpt2", char()), char())
    (tmp_path / "out").write_text("", encoding="utf-8")
    assert main([str(source), "--to", "gpt2", "--output", str(tmp_path / "out")]) == 1
    assert "out is a file; this export is a folder" in capsys.readouterr().err


def test_help_is_instant():
    code = (
        "import sys\nfrom training.export import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'transformers', 'numpy', 'gguf'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "gguf" in done.stdout
