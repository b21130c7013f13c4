"""Every recipe is small, known to the last key, and builds; the floors are entropies."""

import math
from collections import Counter

import pytest
import torch

from tinygpt_hf import TinyGPTConfig
from training.data.corpus import BUILT_IN
from training.loop import arguments
from training.recipes import reader
from training.train import main


@pytest.mark.parametrize("name", reader.names())
def test_every_recipe_is_understood(name):
    """Keys, model fields and TrainingArguments' fields, and their values."""
    from training.loop.arguments import platform_arguments

    settings = arguments.resolve(name, {})
    TinyGPTConfig(vocab_size=300, **settings.model)
    platform_arguments(settings.platform | {"bf16": False})
    assert settings.name == name


@pytest.mark.parametrize("name", reader.names())
def test_every_recipe_is_a_small_file_of_values_with_reasons(name):
    text = (reader.RECIPES / f"{name}.yaml").read_text(encoding="utf-8")
    values = [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    assert len(values) <= 25
    assert text.startswith("about: ")


def test_the_list_shows_every_recipe_with_a_line(capsys):
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == reader.names()
    assert all(len(line.split()) > 4 for line in lines)


def entropy(text: str, window: int, first_context: int) -> float:
    """Of the next character given all of the window so far: no model can do better."""
    nats, count = 0.0, 0
    follows: dict[tuple[int, str], Counter] = {}
    for start in range(len(text) - window):
        for length in range(first_context, window + 1):
            context = text[start : start + length]
            follows.setdefault((length, context), Counter())[text[start + length]] += 1
    for counts in follows.values():
        total = counts.total()
        nats -= sum(n * math.log(n / total) for n in counts.values())
        count += total
    return nats / count


def test_the_floor_of_hello():
    """A first `l` has two continuations, and without its past nothing tells which one it is."""
    assert entropy(BUILT_IN["hello"], window=4, first_context=1) == pytest.approx(0.0495, abs=5e-5)


def test_the_floor_of_next_char():
    """Two bags of five letters have two continuations each."""
    text = BUILT_IN["next-char"]
    bags: dict[tuple, Counter] = {}
    for start in range(len(text) - 5):
        bag = tuple(sorted(text[start : start + 5]))
        bags.setdefault(bag, Counter())[text[start + 5]] += 1
    nats = -sum(
        n * math.log(n / counts.total()) for counts in bags.values() for n in counts.values()
    )
    assert nats / 17 == pytest.approx(0.0815, abs=5e-5)


def test_an_unknown_recipe_names_the_nearest(capsys):
    assert main(["helo"]) == 1
    assert "'hello'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("about: x\nlearnig_rate: 1\n", "unknown key 'learnig_rate' (nearest: 'learning_rate')"),
        (
            "about: x\nmodel:\n  hiden_size: 1\n",
            "unknown key 'hiden_size' (nearest: 'hidden_size')",
        ),
        ("about: [", "is not YAML"),
        ("just words\n", "holds no `key: value` lines"),
        ("about: x\ncorpus: hello\nmodel:\n  hidden_size: 0\n", "hidden_size"),
        ("about: x\ncorpus: hello\nmodel:\n  hidden_size: wide\n", "hidden_size"),
        ("about: x\ncorpus: hello\nlearning_rate: fast\n", "learning_rate"),
        ("about: x\ncorpus: hello\nexamples: some\n", "examples is 'some'"),
        ("about: x\ndata: my.txt\n", "data is 'my.txt'; it must be a list"),
    ],
)
def test_a_wrong_recipe_gets_one_line_that_names_the_thing(text, complaint, tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    assert main([str(path), "--output_dir", str(tmp_path / "run")]) == 1
    error = capsys.readouterr().err.strip()
    assert complaint in error
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1


def test_numbers_are_numbers(tmp_path):
    """YAML 1.1 alone reads 1e-3 as a string."""
    path = tmp_path / "mine.yaml"
    path.write_text("about: x\nlearning_rate: 1e-3\n", encoding="utf-8")
    assert arguments.resolve(str(path), {}).platform["learning_rate"] == 1e-3


def test_flags_win_over_the_recipe_also_with_a_default_value():
    flags = arguments.parse(["hello", "--learning_rate", "5e-5", "--hidden_size", "32"])
    settings = arguments.resolve(flags.pop("recipe"), flags)
    assert settings.platform["learning_rate"] == 5e-5  # the platform's own default
    assert settings.model["hidden_size"] == 32


def test_an_unknown_flag_names_the_nearest(capsys):
    assert main(["hello", "--learnin_rate", "1"]) == 1
    assert "--learning_rate" in capsys.readouterr().err


def test_a_tracker_that_is_not_installed_is_named(capsys, tmp_path):
    flags = ["--report_to", "no-such-tracker", "--output_dir", str(tmp_path / "run")]
    assert main(["hello", *flags]) == 1
    assert "--report_to no-such-tracker: there is no such tracker" in capsys.readouterr().err


def test_every_field_of_the_platform_is_a_flag():
    flags = ["--weight_decay", "0.1", "--optim", "sgd", "--bf16", "false", "--no_in_order_x"]
    given = arguments.parse(["hello", *flags[:-1]])
    assert given == {"recipe": "hello", "weight_decay": 0.1, "optim": "sgd", "bf16": False}
    assert len(arguments.platform_fields()) > 100


def test_the_shapes_of_the_seeds():
    def parameters(name: str, vocabulary: int) -> int:
        from tinygpt_hf import TinyGPTForCausalLM

        config = TinyGPTConfig(vocab_size=vocabulary, **arguments.resolve(name, {}).model)
        with torch.device("meta"):
            return TinyGPTForCausalLM(config).num_parameters()

    assert parameters("hello", 5) == 2_453
    assert parameters("next-char", 27) == 1_728
