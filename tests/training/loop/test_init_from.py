"""Fine-tuning: the weights, tokenizer and shape of a model that has learned before."""

import json

import pytest
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2LMHeadModel

from tinygpt_hf.loading import load
from tinygpt_hf.tokenization import CHAT_TEMPLATE, encode_chat, train_bpe, train_char
from training.train import main

FEW = ["--max_position_embeddings", "16", "--hidden_size", "32", "--num_attention_heads", "2"]
FEW += ["--num_hidden_layers", "1", "--intermediate_size", "32"]
QUIET = ["--disable_tqdm", "true", "--save_strategy", "no"]


@pytest.fixture
def base(tmp_path, monkeypatch):
    """A model that has learned one text, and another text of the same kind."""
    monkeypatch.setenv("TINYGPT_CACHE", str(tmp_path / "cache"))
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("".join(f"{n} green bottles\n" for n in range(999)), encoding="utf-8")
    second.write_text("".join(f"{n} blue bottles\n" for n in range(99)), encoding="utf-8")
    run = tmp_path / "base"
    assert main([str(first), "--output_dir", str(run), "--max_steps", "60", *FEW, *QUIET]) == 0
    return run, second


def train(text, run, *flags: str) -> dict:
    assert main([str(text), "--output_dir", str(run), "--max_steps", "20", *flags, *QUIET]) == 0
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))


def test_fine_tuned_beats_from_scratch_at_equal_steps(base, tmp_path):
    run, text = base
    tuned = train(text, tmp_path / "tuned", "--init_from", str(run))
    scratch = train(text, tmp_path / "scratch", *FEW)
    assert tuned["val_loss"] < scratch["val_loss"]
    assert tuned["init_from"] == str(run)
    card = (tmp_path / "tuned" / "README.md").read_text(encoding="utf-8")
    assert "It started from `base`" in card  # the name, not where it lies on this machine


def test_it_starts_from_those_weights_with_smaller_rates_and_its_own_dropout(base, tmp_path):
    run, text = base
    flags = ["--init_from", str(run), "--save_at", "0", "--dropout", "0.2"]
    train(text, tmp_path / "tuned", *flags)
    before, start = (
        load_file(folder / "model.safetensors") for folder in (run, tmp_path / "tuned/checkpoint-0")
    )
    assert all(before[name].equal(start[name]) for name in before)
    config = json.loads((tmp_path / "tuned" / "config.json").read_text(encoding="utf-8"))
    assert config["dropout"] == 0.2
    first, tuned = (
        json.loads((folder / "run.json").read_text(encoding="utf-8"))
        for folder in (run, tmp_path / "tuned")
    )
    rate = first["options"]["muon_learning_rate"]
    assert tuned["options"]["muon_learning_rate"] == pytest.approx(rate / 5)
    assert tuned["platform"]["learning_rate"] == pytest.approx(
        first["platform"]["learning_rate"] / 5
    )


def test_a_rate_that_was_given_is_taken_as_it_is(base, tmp_path):
    run, text = base
    train(text, tmp_path / "tuned", "--init_from", str(run), "--learning_rate", "0.01")
    tuned = json.loads((tmp_path / "tuned" / "run.json").read_text(encoding="utf-8"))
    assert tuned["platform"]["learning_rate"] == 0.01


def test_another_tokenizer_is_refused_naming_the_first_token_that_differs(base, tmp_path, capsys):
    run, text = base
    other = train_bpe(["green bottles " * 50], 270, show_progress=False)
    other.save_pretrained(tmp_path / "bpe")
    flags = ["--init_from", str(run), "--tokenizer", str(tmp_path / "bpe")]
    assert main([str(text), "--output_dir", str(tmp_path / "no"), *flags, *QUIET]) == 1
    error = capsys.readouterr().err
    assert "does not fit --init_from" in error
    assert "token 2 is '!' there, and" in error
    longer = train_char(["zürich 字"])
    longer.save_pretrained(tmp_path / "char")
    flags[-1] = str(tmp_path / "char")
    assert main([str(text), "--output_dir", str(tmp_path / "no"), *flags, *QUIET]) == 1
    assert "tokens, and the model's own 245" in capsys.readouterr().err


def test_another_shape_is_refused(base, tmp_path, capsys):
    run, text = base
    flags = ["--init_from", str(run), "--hidden_size", "64"]
    assert main([str(text), "--output_dir", str(tmp_path / "no"), *flags, *QUIET]) == 1
    assert "--hidden_size does not go with --init_from" in capsys.readouterr().err


def test_a_gpt2_is_fine_tuned_as_its_twin(base, tmp_path):
    _, text = base
    tokenizer = train_bpe([text.read_text(encoding="utf-8")], 300, show_progress=False)
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=32, n_embd=32, n_layer=1, n_head=2, **ends
    )
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    tokenizer.save_pretrained(tmp_path / "gpt2")
    metrics = train(text, tmp_path / "tuned", "--init_from", str(tmp_path / "gpt2"))
    assert metrics["val_loss"] > 0
    config = json.loads((tmp_path / "tuned" / "config.json").read_text(encoding="utf-8"))
    assert config["model_type"] == "tinygpt"
    assert config["position_embedding"] == "learned"
    assert config["bos_token_id"] == 0


def test_a_model_that_told_stories_learns_to_answer_and_has_the_template(base, tmp_path):
    """`stories` has the turn tokens and no template: its prompts are openings, not questions."""
    _, text = base
    tokenizer = train_bpe(["green bottles " * 50], 270, chat=True, show_progress=False)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    teller, run = tmp_path / "teller", tmp_path / "chat"
    train(text, teller, "--tokenizer", str(tmp_path / "tokenizer"), *FEW)
    assert load(teller)[1].chat_template is None
    talk = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "green"}]
    talks = tmp_path / "talks.jsonl"
    talks.write_text((json.dumps({"messages": talk}) + "\n") * 40, encoding="utf-8")
    train(talks, run, "--examples", "chat", "--init_from", str(teller))
    tuned = load(run)[1]
    assert tuned.chat_template == CHAT_TEMPLATE
    rendered = tuned.apply_chat_template(talk, return_dict=True)["input_ids"]
    assert rendered == encode_chat(tuned, talk)[0].tolist()


def test_what_cannot_be_started_from_is_named(base, tmp_path, capsys):
    _, text = base
    flags = ["--init_from", str(tmp_path / "nothing"), *QUIET]
    assert main([str(text), "--output_dir", str(tmp_path / "no"), *flags]) == 1
    assert "nothing" in capsys.readouterr().err
