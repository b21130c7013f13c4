"""The corpus: always alike, and without the combinations that the exam asks for."""

from __future__ import annotations

import json

import pytest
from transformers import PreTrainedTokenizerFast

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.tokenization import train_bpe
from training.recipes import reader
from training.stories import exam, make
from training.stories.check import SO_FAR, study
from training.stories.copies import Training
from training.stories.language import lexicon
from training.stories.telling.story import story


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "HELD_OUT", 12)
        assert make.main(["--stories", "150", "--output_dir", str(folder)]) == 0
    return folder


def rows(made, name):
    return [json.loads(line) for line in (made / name).read_text(encoding="utf-8").splitlines()]


def stories(made):
    return rows(made, "stories.jsonl")[::2]


def test_after_each_story_comes_a_small_scene_that_names_everybody(made):
    scenes = [row["text"] for row in rows(made, "stories.jsonl")[1::2]]
    assert len(scenes) == 150
    assert len(set(scenes)) == 150
    words = [len(text.split()) for text in scenes]
    assert 45 < sum(words) / len(words) < 80
    names = {part for name in lexicon.people() for part in name.split()}
    dense = sum(
        word.strip('".,?!').removesuffix("'s") in names for t in scenes for word in t.split()
    )
    assert dense / sum(words) > 0.12  # of a story it is one word in twenty
    for text in scenes:
        read = study(text)
        assert read.verdict == SO_FAR, (text, [*map(str, read.problems)])


def test_a_small_scene_says_places_again_and_what_the_sky_does(made):
    def again(texts, words):
        said = [t.replace(".", " ").replace(",", " ").split() for t in texts]
        return sum(max(0, t.count(word) - 1) for t in said for word in words) / sum(map(len, said))

    told = [row["text"] for row in stories(made)]
    scenes = [row["text"] for row in rows(made, "stories.jsonl")[1::2]]
    for words in (lexicon.places(), lexicon.kinds(), lexicon.values()["WEATHER"]):
        assert again(scenes, words) > 1.5 * again(told, words)


def test_no_combination_of_the_exam_is_in_the_training(made):
    trained = {row["combination"] for row in stories(made)}
    held = {row["combination"] for row in rows(made, "held_out.jsonl")}
    assert len(stories(made)) == 150
    assert len(held) == 12
    assert not trained & held
    assert all(map(make.is_held_out, held))
    assert not any(map(make.is_held_out, trained))


def test_an_opening_is_one_or_two_sentences_of_a_story_held_out(made):
    for start, whole in exam.openings(made, 12, seed=1):
        assert whole.startswith(start)
        assert 5 < len(start.split()) < 60
        assert start[-1] in '.!?"'


def test_what_stands_in_the_training_counts_as_copied(made):
    training = Training(made)
    texts = [row["text"] for row in stories(made)]
    assert all(map(training.copied, texts[:20]))
    held = [row["text"] for row in rows(made, "held_out.jsonl")]
    assert not any(map(training.copied, held))


def test_the_simulators_own_stories_pass_the_exam(made, capsys):
    held = [row["text"] for row in rows(made, "held_out.jsonl")]
    assert exam.report(exam.figures(held, held, made))
    assert "hold together, and end       100.0%" in capsys.readouterr().out
    wrong = [text.replace("e", "", 1) for text in held]
    assert not exam.report(exam.figures(wrong, held, made))


def test_a_name_is_one_token_wherever_it_stands(made):
    """A name that is three pieces here and one there is hard to keep."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(made / "tokenizer")
    for name in lexicon.people():
        parts = name.split()
        assert len(tokenizer.tokenize(name)) == len(tokenizer.tokenize(f" {name}")) == len(parts)
    assert tokenizer.chat_template is None  # a prompt is an opening, not a question
    told = [row["text"] for row in stories(made)]
    assert max(len(tokenizer.encode(text)) for text in told) < exam.LONGEST


def test_an_exam_without_its_data_says_how_to_make_it(tmp_path, capsys):
    with pytest.raises(SystemExit):
        exam.main(["stories", "--made", str(tmp_path)])
    assert "python -m training.stories.make" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["stories", "stories-gpt2"])
def test_the_recipes_read_what_the_maker_writes(name):
    found = reader.read(reader.find(name))
    assert found["data"] == ["training/stories/made/stories.jsonl"]
    assert found["made_by"] == "python -m training.stories.make"


def test_what_is_written_goes_on_from_its_opening(monkeypatch):
    texts = [story(1, number).text for number in range(8)]
    tokenizer = train_bpe(texts, 500, show_progress=False)
    config = TinyGPTConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=16,
        max_position_embeddings=256,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )
    monkeypatch.setattr(exam, "LONGEST", 8)
    starts = [text[: 30 + 9 * n] for n, text in enumerate(texts)]
    model = TinyGPTForCausalLM(config)
    written = exam.write(model, tokenizer, starts, temperature=0.8, seed=1)
    assert all(text.startswith(start) for text, start in zip(written, starts, strict=True))
    assert written == exam.write(model, tokenizer, starts, temperature=0.8, seed=1)
