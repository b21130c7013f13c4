"""A published recipe trains the model again, for whoever has the text."""

import json

import pytest
import yaml

from training.loop.arguments import resolve
from training.recipes import writer
from training.train import main

TEXT = "".join(f"Line {i}: to be, or not to be, that is the question.\n" for i in range(400))
FLAGS = ["--disable_tqdm", "true", "--save_strategy", "no"]
SHAPE = ["--hidden_size", "32", "--num_hidden_layers", "1", "--num_attention_heads", "2"]
SHAPE += ["--intermediate_size", "64", "--max_position_embeddings", "32"]


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGPT_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "my.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def metrics(run) -> dict:
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))


def test_a_recipe_trains_it_again_and_says_when_the_text_is_another_one(text, tmp_path, capsys):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    flags = [*SHAPE, *FLAGS, "--max_steps", "30", "--seed", "5", "--learning_rate", "0.01"]
    assert main([str(text), "--output_dir", str(first), *flags]) == 0
    recipe = str(first / "recipe.yaml")
    written = yaml.safe_load((first / "recipe.yaml").read_text(encoding="utf-8"))
    assert (written["max_steps"], written["seed"], written["learning_rate"]) == (30, 5, 0.01)
    assert written["trained_on"]["name"] == "my.txt"
    assert not {"minutes", "output_dir", "data", "publish"} & set(written)
    capsys.readouterr()
    assert main([recipe, "--data", str(text), "--output_dir", str(second), *FLAGS]) == 0
    assert "another text" not in capsys.readouterr().err
    assert metrics(second)["val_loss"] == pytest.approx(metrics(first)["val_loss"], abs=0.02)
    text.write_text(TEXT + "More.\n", encoding="utf-8")
    assert main([recipe, "--data", str(text), "--output_dir", str(third), *FLAGS]) == 0
    assert "this is not the recipe's text" in capsys.readouterr().err
    assert main([recipe, "--output_dir", str(tmp_path / "none")]) == 1
    assert "there is no text to train on" in capsys.readouterr().err


def record(**options) -> dict:
    plain = {"init_from": None, "tokenizer": "char", "data": ["/home/ada/my.txt"], "patience": None}
    return {
        "name": "my",
        "options": plain | options,
        "model": {"hidden_size": 32, "dropout": 0.1},
        "platform": {"max_steps": 500, "learning_rate": 0.002, "report_to": "none"},
        "facts": {"seed": 7, "text": {"name": "my.txt", "bytes": 1, "sha256": "ab"}},
    }


def test_the_steps_are_those_that_were_made(tmp_path):
    assert yaml.safe_load(writer.written(record(), 480))["max_steps"] == 480
    # What patience ended it would end again, and the schedule was made for all of them.
    assert yaml.safe_load(writer.written(record(patience=3), 480))["max_steps"] == 500


def test_a_model_that_had_learned_before_gets_the_same_rate_again(tmp_path):
    """Which is made smaller once, not twice."""
    found = yaml.safe_load(writer.written(record(init_from="ada/base")))
    assert found["learning_rate"] == 0.01
    assert found["model"] == {"dropout": 0.1}


def test_nothing_of_this_machine_is_in_it(tmp_path):
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    text = writer.written(record(tokenizer=str(folder)))
    assert str(tmp_path) not in text
    assert "/home" not in text
    assert "report_to" not in text


def test_a_tokenizer_that_came_with_a_recipe_is_found_beside_it(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text('tokenizer: "."\nmax_steps: 3\n', encoding="utf-8")
    assert resolve(str(path), {}).options.tokenizer == str(tmp_path)
