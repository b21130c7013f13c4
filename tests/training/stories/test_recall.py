"""How well a model recalls what was said: one that knows the next word, and one that draws lots."""

import json
import math
from types import SimpleNamespace

import pytest
import torch

from tinygpt_hf.tokenization import train_bpe
from training.stories import recall
from training.stories.language.lexicon import people
from training.stories.telling.story import story

TEXTS = [story(9, number).text for number in range(8)]


@pytest.fixture(scope="module")
def tokenizer():
    names = ["\n".join(people()), " ".join(["and", *people()])]
    return train_bpe(TEXTS + names * 30, 2000, chat=True, show_progress=False)


def answering(logits):
    """A model that says this of every token of a text."""
    return lambda input_ids: SimpleNamespace(logits=logits(input_ids))


def oracle(ids):
    after = torch.cat((ids[0, 1:], ids[0, :1]))
    return 50.0 * torch.nn.functional.one_hot(after, 2000)[None].float()


def read(model, tokenizer):
    found = recall.sorts(tokenizer)
    for text in TEXTS:
        recall.ask(model, tokenizer, text, found)
    return found


def test_who_knows_what_comes_next_is_never_unsure(tokenizer):
    for sort in read(answering(oracle), tokenizer).values():
        assert sort.nats
        assert max(sort.nats) < 1e-6
        assert min(sort.said) > 1 - 1e-6


def test_who_draws_by_lot_is_as_unsure_as_there_are_words(tokenizer):
    found = read(answering(lambda ids: torch.zeros(1, ids.shape[1], 2000)), tokenizer)
    for sort in (found["names"], found["places"]):
        lot = math.log(len(set(sort.words.values())))
        assert sum(sort.nats) / len(sort.nats) == pytest.approx(lot, rel=0.1)
        assert sum(sort.said) / len(sort.said) < 0.2


def test_a_word_is_the_same_with_and_without_a_space_and_counts_only_again(tokenizer):
    names = recall.sorts(tokenizer)["names"].words
    assert {names[tokenizer.encode(form)[0]] for form in ("Willow", " Willow")} == {"willow"}
    found = recall.sorts(tokenizer)
    recall.ask(answering(oracle), tokenizer, "Willow saw Ada. Ada saw Willow.", found)
    assert len(found["names"].nats) == 2


def test_the_command_names_what_it_misses(tmp_path, capsys):
    with pytest.raises(SystemExit):
        recall.main(["--made", str(tmp_path)])
    assert "holds no held_out.jsonl; `python -m training.stories.make`" in capsys.readouterr().err
    kept = json.dumps({"text": TEXTS[0]}) + "\n"
    (tmp_path / "held_out.jsonl").write_text(kept, encoding="utf-8")
    assert [*recall.stories(tmp_path, 5)] == TEXTS[:1]
    with pytest.raises(SystemExit):
        recall.main(["--made", str(tmp_path), "--count", "0"])
    assert "--count is 0; it must be at least 1" in capsys.readouterr().err
