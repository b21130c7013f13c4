"""The model card says what was measured, in a form that the Hub takes."""

import json
import re

import pytest
import yaml
from huggingface_hub import ModelCard

from tests.fixtures_hub import write_json
from tests.hub.metadata import problems
from training.hub.card import GENERATED, NOTHING, Chosen, render_card, write_card

SAMPLE = {
    "prompt": "hear me",
    "text": "hear me ```speak",
    "seed": 7,
    "temperature": 0.8,
    "top_k": 50,
}


@pytest.fixture
def card(run_dir):
    """The card of a run whose facts a test has changed."""

    def card(repo_id=None, revision=None, chosen=NOTHING, **facts):
        path = run_dir / "metrics.json"
        write_json(path, json.loads(path.read_text(encoding="utf-8")) | facts)
        return render_card(run_dir, repo_id=repo_id, revision=revision, chosen=chosen)

    return card


def front(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


def test_it_says_what_was_measured(card):
    text = card(
        "ada/tiny",
        data="Tiny Shakespeare",
        split="the last 10 %",
        sample=SAMPLE,
        versions={"torch": "2.13.0"},
    )
    for expected in (
        "# tiny",
        "| validation loss, nats per token | 2.0000 |",
        "| validation bits per byte | 2.9000 |",
        "| steps | 4 |",
        "| seed | 7 |",
        "| data | Tiny Shakespeare |",
        "| torch | 2.13.0 |",
        "from the recipe `tiny`",
        "Validation: the last 10 %.",
        "1 layer of width 16, relative positions, a window of 8 tokens",
        "![Loss over the steps of training](loss.png)",
        "From the prompt `hear me`. Sampled with seed 7, temperature 0.8, top_k 50.",
        "## Limits",
    ):
        assert expected in text
    parameters = int(re.search(r"with ([\d,]+) parameters", text)[1].replace(",", ""))
    assert parameters > 1000


def test_its_front_matter_is_valid_and_names_both_results(card):
    text = card("ada/tiny", data="Tiny Shakespeare")
    assert problems(text, "model") == ([], [])
    (model,) = front(text)["model-index"]
    (result,) = model["results"]
    assert result["dataset"]["name"] == "Tiny Shakespeare"
    measured = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert measured == {"loss": 2.0, "bits_per_byte": 2.9}
    assert front(text)["pipeline_tag"] == "text-generation"
    assert not {"license", "language", "new_version", "base_model"} & set(front(text))
    assert ModelCard(text).data.eval_results  # huggingface_hub reads it back


def test_a_data_set_of_the_hub_is_linked(card):
    text = card(data="roneneldan/TinyStories@main")
    assert front(text)["datasets"] == ["roneneldan/TinyStories"]
    (result,) = front(text)["model-index"][0]["results"]
    assert result["dataset"]["type"] == "roneneldan/TinyStories"
    assert problems(text, "model") == ([], [])


def test_a_sample_cannot_break_out_of_its_fence(card):
    text = card(sample=SAMPLE)
    assert "````text\nhear me ```speak\n````\n" in text


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_was_not_measured_is_not_there(card, value):
    text = card(val_loss=value, val_bits_per_byte=value)
    assert "validation" not in text
    assert "model-index" not in front(text)
    assert problems(text, "model") == ([], [])


def test_with_no_facts_at_all_there_is_still_a_card(run_dir):
    (run_dir / "metrics.json").unlink()
    text = render_card(run_dir)
    assert "## Measured" not in text
    assert problems(text, "model") == ([], [])
    assert re.search(r"with [\d,]{4,} parameters", text)  # counted in the weights


def test_it_pins_a_commit_and_refuses_pickles(card):
    commit = "0123456789abcdef0123456789abcdef01234567"
    text = card("ada/tiny", commit)
    assert f'options = {{"revision": "{commit}", "trust_remote_code": True}}' in text
    assert "use_safetensors=True" in text
    assert "`revision` is a commit" in text
    assert "`step-4` is a tag" in card("ada/tiny", "step-4")


def test_it_says_where_a_model_started_and_not_where_it_lies_on_this_machine(card):
    commit = "0" * 40
    text = card(init_from=f"openai-community/gpt2@{commit}")
    assert front(text)["base_model"] == "openai-community/gpt2"
    assert front(text)["base_model_relation"] == "finetune"
    text = card(init_from="/home/ada/runs/mine")
    assert "It started from `mine`." in text
    assert "/home" not in text
    assert "base_model" not in front(text)


def test_it_shows_how_to_talk_to_a_model_that_chats(card, run_dir):
    (run_dir / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    assert "apply_chat_template" in card("ada/tiny")


def test_it_says_where_else_each_shape_runs(card, run_dir):
    assert "Other engines do not know" in card()
    config = json.loads((run_dir / "config.json").read_text(encoding="utf-8"))
    write_json(
        run_dir / "config.json",
        config | {"position_embedding": "learned", "hidden_act": "gelu_new"},
    )
    assert "--as gpt2" in card()


def test_a_run_gets_its_card_as_a_file(run_dir):
    path = write_card(run_dir)
    text = path.read_text(encoding="utf-8")
    assert path == run_dir / "README.md"
    assert GENERATED in text
    assert text.endswith("\n")
    assert 'name = "."' in text


def test_it_says_what_only_its_author_could_say(card):
    chosen = Chosen(license="mit", language="de", new_version="ada/newer")
    said = front(card("ada/tiny", chosen=chosen))
    assert (said["license"], said["language"], said["new_version"]) == ("mit", "de", "ada/newer")
    assert said["library_name"] == "transformers"


def test_it_says_which_text_and_how_to_train_it_again(card, run_dir):
    text = {"name": "my.txt", "bytes": 60000, "sha256": "ab" * 32}
    code = {"url": "https://github.com/ada/tinygpt", "commit": "c" * 40}
    head = "# python -m training.train recipe.yaml --data TEXT\n"
    (run_dir / "recipe.yaml").write_text(head + "max_steps: 4\n", encoding="utf-8")
    said = card("ada/tiny", text=text, recipe="my", code=code)
    assert f"It was trained on `my.txt` (60,000 bytes, SHA-256 `{'ab' * 32}`)" in said
    assert "python -m training.train recipe.yaml --data my.txt" in said
    assert f"https://github.com/ada/tinygpt at commit `{'c' * 40}`" in said
    assert "from the recipe" not in said  # a text's own name is no recipe


def test_it_says_what_it_needs_and_which_layers_lora_adapts(card):
    text = card("ada/tiny")
    assert "`transformers>=5.23,<6`" in text
    assert 'target_modules="all-linear"' in text
