"""The data of the chat that still ships: made from hand-written files, and fair to its exam."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from random import Random

import pytest

from tinygpt_hf.tokenization import encode_chat, train_bpe
from training.chat import material, phrases
from training.chat.before import check, make
from training.recipes import reader

# Of conversations.jsonl as the shipped model learned it. Another figure means that it learned
# something else: train it anew (`python checkpoints/make.py chat-base chat`) and note the new one.
LEARNED = "ba27fd670358655765a4da2654cf84914f0bd40a251f1a838d78dede1a0e129a"


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return make.conversations()


@pytest.fixture(scope="module")
def rows(lines) -> list[dict]:
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def pairs(rows) -> list[tuple[str, str]]:
    """Every answer's label with its question."""
    return [
        (label, turn["content"])
        for row in rows
        for label, turn in zip(row["labels"], row["messages"][::2], strict=True)
    ]


def test_the_generator_makes_what_the_shipped_model_learned(lines):
    text = "".join(line + "\n" for line in lines)
    assert hashlib.sha256(text.encode()).hexdigest() == LEARNED


def test_every_line_is_a_conversation_of_one_to_six_turns(rows):
    taught = material.answers()
    for row in rows:
        roles = [message["role"] for message in row["messages"]]
        assert roles == ["user", "assistant"] * len(row["labels"])
        assert 1 <= len(row["labels"]) <= 6
        said = [message["content"] for message in row["messages"][1::2]]
        assert said == [taught[label] for label in row["labels"]]
        assert all(message["content"].strip() for message in row["messages"])


def test_each_idea_of_the_guide_is_taught_in_many_phrasings(pairs):
    taught = [material.slug_of(title) for title, _, _ in material._ideas()]
    assert list(material.read("ideas")) == taught
    asked = {(label.partition(".")[0], question) for label, question in pairs if "." in label}
    assert len(asked) >= 40_000
    each = Counter(idea for idea, _ in asked)
    assert min(each.values()) >= 1_000
    assert len({question for label, question in pairs if label == material.UNKNOWN}) >= 500


def test_no_five_words_in_a_row_are_shared_with_the_exam(pairs):
    exam = {run for _, question in material.held_out() for run in phrases.runs(question)}
    assert len(exam) > 300
    assert [q for _, q in pairs if not exam.isdisjoint(phrases.runs(q))] == []


def test_the_exam_asks_each_idea_five_times_and_sixty_other_things():
    count = Counter(idea for idea, _ in material.held_out())
    assert count.pop(material.UNKNOWN) == 60
    assert count == dict.fromkeys(material.read("ideas"), 5)


def test_what_comes_before_tuning_is_the_same_words_and_no_answer():
    """`chat-base` reads questions that `chat` learns to answer, and nothing of the exam."""
    text, guide_says = make.plain_text(), set(material.prose())
    exam = {run for _, question in material.held_out() for run in phrases.runs(question)}
    asked = [line for line in text if line not in guide_says]
    assert [line for line in asked if not exam.isdisjoint(phrases.runs(line))] == []
    assert set(material.answers().values()).isdisjoint(text)
    assert guide_says <= set(text)


def test_six_turns_fit_into_the_window(rows):
    window = reader.read(reader.find("chat-base"))["model"]["max_position_embeddings"]
    texts = [m["content"] for row in rows[:1000] for m in row["messages"]]
    tokenizer = train_bpe(texts, 1024, chat=True, show_progress=False)  # fewer, so longer
    longest = max(rows, key=lambda row: sum(len(m["content"]) for m in row["messages"]))
    assert len(longest["labels"]) == 6
    assert len(encode_chat(tokenizer, longest["messages"])[0]) <= window


def test_answers_can_be_told_apart():
    """The exam goes by likeness, so no two taught answers may be alike."""
    for label, answer in material.answers().items():
        assert check.nearest(answer) == label
        assert check.nearest(answer[: len(answer) // 2]) == ""
    assert check.nearest("Nobody ever taught this sentence to anyone.") == ""


def test_a_pattern_is_read_in_every_way_and_never_with_a_wrong_number():
    names = {"ONE": ["a token"], "MANY": ["tokens"], "ANY": ["a token", "tokens"]}
    found = phrases.several("what (is ONE|are MANY|are ONE|is MANY)?", names, 9, Random(0))
    assert sorted(found) == ["what are tokens?", "what is a token?"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("why does words matter", False),
        ("why do words matter", True),
        ("how do the mask work", False),
    ],
)
def test_number_is_seen_in_the_letters(text, wanted):
    assert phrases.agrees(text) is wanted


def test_small_words_are_lost_in_a_hurry_and_something_is_left():
    hurried = {phrases.telegram("what is the vocabulary of a model?", Random(n)) for n in range(40)}
    assert any("vocabulary model" in text for text in hurried)
    assert all(text.split() for text in hurried)


def test_names_are_typed_with_and_without_capitals():
    typed = {phrases.typed("can i train gpt-2 with adamw", Random(n)) for n in range(80)}
    assert any("I train GPT-2 with AdamW" in text for text in typed)
    assert any("i train gpt-2 with adamw" in text for text in typed)
    assert any("I Train GPT-2" in text for text in typed)  # a capital alone tells nothing


@pytest.mark.parametrize(("right", "passes"), [(1.0, 0), (0.5, 1)])
def test_the_exam_passes_who_knows_and_fails_who_does_not(right, passes, monkeypatch, capsys):
    """Right answers to all, or to every other question."""
    taught = material.answers()

    def ask(model, tokenizer, talks):
        wanted = [label for [question] in talks for label, q in held if q == question]
        first = [taught.get(f"{label}.what", taught.get(label)) for label in wanted]
        return [(text if i % 2 < 2 * right else "", True) for i, text in enumerate(first)]

    held = material.held_out()
    monkeypatch.setattr(check, "ask", ask)
    monkeypatch.setattr("tinygpt_hf.loading.load", lambda name: (None, None))
    assert check.main(["any"]) == passes
    assert f"{right:7.1%} of 60"[:5] in capsys.readouterr().out


def test_the_shipped_model_passes_its_exam(capsys):
    from tinygpt_hf.loading import SHIPPED

    if not (SHIPPED / "chat" / "config.json").exists():
        pytest.skip("checkpoints/chat is not here")
    assert check.main(["chat"]) == 0, capsys.readouterr().out
