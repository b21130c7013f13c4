"""The chat data: made from hand-written files, always alike, and fair to its exam."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice, pairwise
from random import Random

import pytest

from compare.html import guide
from tinygpt_hf.tokenization import encode_chat, train_bpe
from training.chat import (
    asking,
    check,
    facts,
    judge,
    make,
    material,
    phrases,
    sums,
    talks,
    texts,
    wishes,
)
from training.chat.generate import Answer
from training.recipes import reader
from training.stories.make import is_held_out
from training.stories.telling.story import combination, story


@pytest.fixture(scope="module")
def small() -> tuple[talks.Pool, talks.Pool]:
    """Questions about three ideas and what lies outside: all thirty take ten seconds."""
    rng = Random(3)
    train = [item for idea in ("token", "loss", "tuning") for item in asking.about(idea, rng)[0]]
    outside = [("unknown", "what is the capital of france?"), ("unknown", "who was mozart?")]
    return talks.Pool(train, rng), talks.Pool(outside, rng)


@pytest.fixture(scope="module")
def made(small) -> list[talks.Talk]:
    rng, (about, outside) = Random(5), small
    told = make.stories(17, held_out=False)
    found = [talks.idea_talk(rng, about, outside) for _ in range(300)]
    found += [talks.story_talk(rng, about, outside, next(told)) for _ in range(100)]
    asked = [talks.request_talk(rng, about, outside, next(told), next(told)) for _ in range(80)]
    return found + asked


def test_the_maker_makes_the_same_each_time(small):
    def once() -> list[dict]:
        rng, told = Random(7), make.stories(17, held_out=False)
        about = talks.Pool(small[0].questions, rng)
        outside = talks.Pool(small[1].questions, rng)
        found = [talks.idea_talk(rng, about, outside) for _ in range(30)]
        found += [talks.story_talk(rng, about, outside, next(told)) for _ in range(10)]
        return [make.as_row(talk) for talk in found]

    assert once() == once()


def test_every_answer_is_what_its_label_says(made):
    for talk in made:
        for _, said, label in talk.turns:
            if label in texts.answers():
                assert texts.label_of(said) == label
            elif label != texts.STORY:
                assert label.partition(".")[0] == "about"
                assert texts.label_of(said) == ""


def test_no_answer_comes_twice_running(made):
    for talk in made:
        said = [answer for _, answer, _ in talk.turns]
        assert all(one != two for one, two in pairwise(said))


def test_a_short_question_is_about_the_idea_before(small):
    talk = talks.Talk(Random(1), *small)
    talk.say("what is the loss?", "loss.what")
    talk.small()
    talk.say("why?", f"{talk.idea}.why")
    assert talk.last == "loss.why"
    talk.say("why?", "loss.why")
    assert talk.last == "loss.more"  # not the same paragraph again


def test_each_idea_of_the_guide_has_seven_answers():
    taught = material.read("answers")
    assert {idea.slug for idea in guide.ideas()} <= set(taught)
    assert all(list(manners) == list(texts.MANNERS) for manners in taught.values())
    assert {"tuning", "coherence", "why-a-tiny-model-hallucinates"} <= set(taught)


@pytest.mark.parametrize("idea", ["softmax", "coherence"])
def test_an_idea_is_asked_about_in_many_phrasings_and_every_manner(idea):
    train, held = asking.about(idea, Random(2))
    count = Counter(label for label, _ in train)
    assert set(count) == {f"{idea}.{manner}" for manner in texts.MANNERS}
    assert len(train) > 900
    assert {question for _, question in held}.isdisjoint(question for _, question in train)


@pytest.mark.parametrize("idea", ["temperature", "which-head-did-it"])
def test_no_five_words_in_a_row_are_shared_with_the_exam(idea):
    exam = {run for text in asking.exam_questions() for run in phrases.runs(text)}
    assert len(exam) > 1000
    asked = [question for _, question in asking.about(idea, Random(2))[0]]
    assert [q for q in asked if not exam.isdisjoint(phrases.runs(q))] == []


@pytest.mark.slow
def test_the_whole_data_is_fair_to_the_exam():
    exam = {run for text in asking.exam_questions() for run in phrases.runs(text)}
    rng = Random(make.SEED)
    train, held = asking.all_questions(rng)
    asked = [q for _, q in (*train, *held, *asking.outside(rng))]
    assert len(asked) > 50_000
    assert [q for q in asked if not exam.isdisjoint(phrases.runs(q))] == []


def test_nothing_that_is_typed_in_a_talk_comes_near_the_exam(made):
    """Follow-ups, small talk and wishes too; the exam's conversations are part of it."""
    threads = [question for thread in asking.threads() for question, _ in thread]
    assert len(threads) > 600
    long = [question for question in threads if len(question.split()) > 5]
    assert len(long) > 100
    assert all(asking.too_near(f"well, {question}") for question in long)
    typed = [asked for talk in made for asked, _, label in talk.turns if len(asked.split()) < 40]
    assert len(typed) > 1000
    assert [asked for asked in typed if asking.too_near(asked)] == []


def test_what_comes_near_the_exam_is_asked_in_other_words(small):
    question = next(q for thread in asking.threads() for q, _ in thread if len(q.split()) > 6)
    ways = iter((question, f"and {question}", "something else"))
    assert talks.Talk(Random(1), *small).fair(lambda: next(ways)) == "something else"


@pytest.mark.parametrize("idea", ["loss", "temperature", "residual-connection"])
def test_no_mark_of_a_pattern_is_left_in_a_question(idea):
    train, held = asking.about(idea, Random(4))
    mark = re.compile(r"[|\\{}]|\?\w|[A-Z]{3,}")
    own = {word for name in asking.names(idea) for word in mark.findall(name)}
    found = [text for _, text in train + held if set(mark.findall(text)) - own]
    assert [text for text in found if not re.search(r"[A-Z]{3,}", text)] == []


def test_a_question_that_fits_two_ideas_is_left_out(monkeypatch):
    said = {"loss": "what is it?", "token": "What is it"}
    about = {
        idea: ([(f"{idea}.what", text), (f"{idea}.why", idea)], []) for idea, text in said.items()
    }
    monkeypatch.setattr(asking, "ideas", lambda: list(said))
    monkeypatch.setattr(asking, "about", lambda idea, rng: about[idea])
    assert asking.all_questions(Random(1)) == ([("loss.why", "loss"), ("token.why", "token")], [])


def test_the_exam_is_as_large_as_it_says():
    assert len(asking.listed("ideas")) == 300
    assert Counter(idea for idea, _ in asking.listed("ideas")) == dict.fromkeys(texts.ideas(), 10)
    assert len(asking.listed("unknown")) == 300
    assert len(asking.listed("people")) == 200
    threads = asking.threads()
    assert len(threads) == 150
    assert {len(thread) for thread in threads} == {3, 4, 5, 6}


def test_every_label_of_the_exam_can_be_answered():
    known = {*texts.answers(), "new.what", *(f"about.{n}" for n in judged()), "about.unsaid"}
    for thread in asking.threads():
        for _, labels in thread:
            assert {x for x in labels if not x.startswith(texts.STORY)} <= known


def judged() -> tuple[str, ...]:
    return ("who", "others", "kind", "where")


def test_the_exam_asks_about_stories_in_twenty_kinds_of_its_own():
    kinds = material.read("stories")["kinds"]
    assert len(kinds) >= 20
    seen = {
        fact.kind
        for told in islice(make.stories(make.EXAM, held_out=True), 30)
        for fact in facts.facts(told, Random(1))
    }
    assert seen == set(kinds)
    for words in kinds.values():
        exam = {run for pattern in words["exam"] for run in phrases.runs(pattern)}
        rng = Random(2)
        asked = [phrases.expand(pattern, {}, rng) for pattern in words["ask"] for _ in range(50)]
        assert [text for text in asked if not exam.isdisjoint(phrases.runs(text))] == []


def test_training_never_tells_a_story_of_the_exam():
    for told in islice(make.stories(make.EXAM, held_out=True), 20):
        assert is_held_out(combination(told))
    for told in islice(make.stories(make.SEED, held_out=False), 20):
        assert not is_held_out(combination(told))


@pytest.mark.parametrize("number", range(40))
def test_what_is_right_about_a_story_is_right_and_else_wrong(number):
    told = story(4, number)
    known = facts.facts(told, Random(number))
    assert len(known) > 10
    for fact in known:
        assert fact.right(fact.answer)
        assert not fact.right("")
        assert not fact.right("I don't know that.")
        asked = facts.question(fact, Random(number))
        assert not set("{(") & set(asked)
        assert "{" not in facts.question(fact, Random(number), exam=True)
    place = next(fact for fact in known if fact.kind == "where")
    assert not place.right("The story begins in the moon.")
    main = next(fact for fact in known if fact.kind == "who")
    named = [name for (name,) in told.world.all("person")]  # a plot may not need all of its cast
    both = "The story is about " + " and ".join(named[:2]) + " Nobody."
    assert not main.right(both) or len(named) == 1


def test_a_story_does_not_tell_about_strangers():
    """What is asked about them has the form of any question: one must read the story."""
    rng = Random(3)
    for told in islice(make.stories(make.SEED, held_out=False), 30):
        fact = talks.stranger(told, rng)
        assert not any(facts.says(told.text, fact.slots[slot]) for slot in "PX")
        assert texts.label_of(fact.answer) == texts.UNSAID
        assert "{" not in facts.question(fact, rng)


def test_another_one_is_a_story_only_after_a_story(made):
    rng = Random(6)
    again = {asking.plain(wishes.plain(rng, again=True)) for _ in range(500)}
    again -= {asking.plain(wishes.plain(rng)) for _ in range(2000)}
    assert "another one" in again
    found = [
        before
        for talk in made
        for (_, _, before), (asked, _, label) in pairwise(talk.turns)
        if label == texts.STORY and asking.plain(asked) in again
    ]
    assert found
    assert set(found) == {texts.STORY}


@pytest.mark.parametrize("number", range(20))
def test_a_wish_is_fulfilled_by_its_story_and_not_by_another(number):
    told = story(6, number)
    for exam in (False, True):
        one = wishes.wish(told, Random(number), exam)
        assert one.missing(told.text) == []
        assert "{" not in one.text
    assert wishes.Wish("", name="Nobody").missing(told.text) == ["no Nobody"]
    assert wishes.Wish("").missing(told.text[: len(told.text) // 2]) != []


def test_the_judge_tells_the_manner_and_the_thread():
    said = texts.answers()
    thread = judge.Thread()
    for asked, answer in (("what is a token?", said["token.what"][0]),):
        thread.texts += [asked, answer]
        assert thread.right(["token.what"], answer)
    thread.texts.append("why?")
    assert not thread.right(["token.why"], said["token.example"][0])
    assert not thread.right(["token.why"], said["loss.why"][0])
    assert thread.right(["token.why", "unknown"], said["token.why"][0])
    assert not thread.right(["new.what"], said["token.what"][0])  # no new idea, and no repetition
    assert thread.right(["new.what"], said["softmax.what"][0])


def test_the_judge_wants_another_answer_each_time():
    answer = texts.answers()["token.what"][0]
    thread = judge.Thread(["what is a token?", answer, "what is a token?"])
    assert thread.repeated(answer)
    assert not thread.right(["token.what"], answer)


def test_the_judge_reads_the_story_that_was_told():
    told = story(8, 3)
    thread = judge.Thread(["a story, please"])
    assert thread.right(["story"], told.text)
    assert judge.about("who", told.text, f"It is about {told.cast[0]}.")
    assert not judge.about("who", told.text, "It is about Nobody.")
    assert not judge.good_story("Once upon a time there was a fox.")


@pytest.mark.parametrize(("right", "passes"), [(True, 0), (False, 1)])
def test_the_exam_passes_who_knows_and_fails_who_does_not(right, passes, monkeypatch, capsys):
    """Answers that are right by the labels, or "I don't know" to everything."""
    marks = [
        check.Mark(part, "x", "asked", "said", right, refused=not right, known=True)
        for part in (*check.BARS, "people")
        if part != "refused"
    ]
    monkeypatch.setattr(check, "examine", lambda *args: marks)
    monkeypatch.setattr("tinygpt_hf.loading.load", lambda name: (FakeModel(), None))
    assert check.main(["any"]) == passes
    assert ("FAILS" in capsys.readouterr().out) is not right


class FakeModel:
    def eval(self) -> None:
        pass


def test_the_exam_asks_a_model_in_all_its_parts(monkeypatch):
    """A model that always says "I don't know": right to what it cannot know, and nowhere else."""
    unknown = texts.answers()[texts.UNKNOWN][0]
    monkeypatch.setattr(check, "ask", lambda m, t, talks, n=0: [Answer(unknown, True)] * len(talks))
    marks = check.examine(None, None, share=0.02)
    assert {mark.part for mark in marks} == {*check.BARS, "people"} - {"refused"}
    assert all(mark.right for mark in marks if mark.part == "don't know")
    assert not any(mark.right for mark in marks if mark.part in ("stories", "requests"))
    assert any(mark.refused for mark in marks)


def test_six_turns_and_a_story_fit_into_the_window(made):
    window = reader.read(reader.find("stories"))["model"]["max_position_embeddings"]
    said = [text for talk in made for turn in talk.turns for text in turn[:2]]
    tokenizer = train_bpe(said, 1536, chat=True, show_progress=False)  # fewer, so longer
    rows = sorted(
        map(make.as_row, made), key=lambda r: sum(len(m["content"]) for m in r["messages"])
    )
    assert max(len(row["labels"]) for row in rows) >= 6
    assert len(encode_chat(tokenizer, rows[-1]["messages"])[0]) <= window


def test_small_sums_are_added_and_no_others():
    rng, signs = Random(8), re.compile(r"(\w+) ?(?:\+|plus|and) ?(\w+)")
    done = [sums.sum_asked(rng) for _ in range(2000)]
    known = [(text, answer) for text, answer in done if answer]
    assert 1000 < len(known) < 1900
    for text, answer in known:
        pair = [n if n.isdigit() else str(sums.WORDS.index(n)) for n in signs.search(text).groups()]
        assert answer == f"{pair[0]} plus {pair[1]} is {int(pair[0]) + int(pair[1])}."
    assert {text for text, answer in done if not answer and "square root" in text}


@pytest.mark.parametrize(
    ("asked", "wanted"), [("3 plus 4 is 7.", "sum"), ("3 plus 4", ""), ("Nobody taught this.", "")]
)
def test_a_sum_is_known_by_its_form(asked, wanted):
    assert texts.label_of(asked) == wanted


def test_answers_can_be_told_apart():
    for label, several in texts.answers().items():
        for answer in several:
            assert texts.label_of(answer) == label
            assert texts.label_of(answer[:-1] + "!") == label
