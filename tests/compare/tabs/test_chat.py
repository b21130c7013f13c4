"""Chat: a talk with the left model, what it forgets, and who stops."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from compare.tabs import chat
from compare.tabs.chat import transcript
from compare.tabs.shared import Page
from compare.values import Coherence, RefusedError
from compare.values.players import CHAT, SEAT, WHOLE_STORY
from tests.compare import axe
from tests.compare.browser import NAMES
from tests.compare.fakes import fake_roster

ADA = SimpleNamespace(session_hash="ada")
NEVER = 1e6  # seconds a word: a text that ends only when it is stopped


def room(pause: float = 0.0):
    roster = fake_roster(pause=pause)
    return chat._Room(cast(Page, SimpleNamespace(roster=roster))), roster


def lives(roster) -> list:
    return [life for name in roster.names for life in roster.get(name).lives]


async def collect(answers) -> list[tuple]:
    return [shown async for shown in answers]


def test_an_answer_joins_the_talk_and_the_untuned_model_continues_the_question():
    chat, _ = room()
    shown = asyncio.run(collect(chat.send(ADA, "chat", SEAT, [], " What is a token? ")))
    said, beside, talk, question = shown[-1]
    assert [message["role"] for message in talk] == ["user", "assistant"]
    assert talk[0]["content"] == "What is a token?"
    assert talk[1]["content"]
    assert "aria-busy='false'" in said
    assert "<span class='prompt'>What is a token?</span>" in beside
    assert question == ""


@pytest.mark.parametrize(
    ("left", "partner"), [("chat", "chat"), ("shakespeare", CHAT), ("chat-base", CHAT)]
)
def test_the_talk_is_with_the_left_model_if_it_was_tuned_and_otherwise_with_what_ships(
    left, partner
):
    """What `chat` was tuned from has the words for turns too, and cannot answer."""
    chat, roster = room()
    assert asyncio.run(chat.partner(left)) == partner
    shown = asyncio.run(collect(chat.send(ADA, left, SEAT, [], "hi")))[-1]
    assert roster.get(partner).lives
    assert "chat-base was never tuned" in shown[1]


def test_beside_a_model_whose_past_is_not_here_the_right_one_continues():
    chat, roster = room()
    roster.names.remove("chat-base")
    shown = asyncio.run(collect(chat.send(ADA, "chat", "hello", [], "hi")))[-1]
    assert "hello was never tuned" in shown[1]


def test_where_nobody_answers_the_way_out_is_said():
    chat, roster = room()
    roster.names.remove("chat")
    (shown,) = asyncio.run(collect(chat.send(ADA, "hello", SEAT, [], "hi")))
    assert "put one that was on the left" in shown[0]


def test_stop_ends_both_texts_and_the_talk_keeps_what_there_was():
    chat, roster = room(pause=NEVER)

    async def talk():
        answers = chat.send(ADA, "chat", SEAT, [], "hi")
        first = await anext(answers)
        assert "aria-busy='true'" in first[0]
        chat.stop(ADA)
        return await collect(answers)

    last = asyncio.run(talk())[-1]
    assert "aria-busy='false'" in last[0]
    assert len(last[2]) == 2
    assert {life.chunk().stopped for life in lives(roster)} == {"stopped"}
    assert chat._running == {}


def test_whoever_clears_or_leaves_frees_the_models():
    chat, roster = room(pause=NEVER)

    async def talk():
        answers = chat.send(ADA, "chat", SEAT, [], "hi")
        await anext(answers)
        await answers.aclose()  # what Gradio does to an event that is cancelled

    asyncio.run(talk())
    assert all(life.ended for life in lives(roster))
    assert chat._running == {}


def test_one_answer_at_a_time_for_a_visitor_and_others_do_not_wait():
    chat, _ = room(pause=NEVER)

    async def talk():
        answers = chat.send(ADA, "chat", SEAT, [], "hi")
        await anext(answers)
        again = await collect(chat.send(ADA, "chat", SEAT, [], "and this?"))
        other = chat.send(SimpleNamespace(session_hash="bob"), "chat", SEAT, [], "hi")
        bob = await anext(other)
        for running in (answers, other):
            await running.aclose()
        return again, bob

    again, bob = asyncio.run(talk())
    assert len(again) == 1
    assert all(isinstance(value, dict) for value in again[0])  # gr.skip(): nothing changes
    assert len(bob[2]) == 2


def test_retry_asks_the_last_question_again_and_draws():
    chat, roster = room()
    talk = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "no"}]
    last = asyncio.run(collect(chat.again(ADA, "chat", SEAT, talk)))[-1]
    assert len(last[2]) == 2
    assert last[2][0]["content"] == "hi"
    assert not roster.get("chat").lives[-1].sampling.greedy
    assert len(asyncio.run(collect(chat.again(ADA, "chat", SEAT, [])))) == 1  # nothing to ask again


def test_a_refusal_is_a_sentence_and_the_question_can_be_mended():
    chat, roster = room()

    def refuse(talk, sampling):
        raise RefusedError("<b>No</b> room.")

    roster.get("chat").reply = refuse
    (shown,) = asyncio.run(collect(chat.send(ADA, "chat", SEAT, [], "hi")))
    assert "&lt;b&gt;No&lt;/b&gt; room." in shown[0]
    assert shown[2] == []
    assert isinstance(shown[3], dict)  # what was typed stays


def test_a_story_joins_the_talk_and_the_question_about_it_reaches_the_chat():
    roster = fake_roster(stories=True)
    room = chat._Room(cast(Page, SimpleNamespace(roster=roster)))
    said, beside, talk, _ = asyncio.run(collect(room.story(ADA, [])))[-1]
    assert [turn["role"] for turn in talk] == ["user", "assistant"]
    assert talk[1]["content"].startswith("On a foggy morning")
    assert "stories wrote this story" in said
    assert "does not hold together: nobody is nobler" in said  # as the fake has it
    assert roster.get("stories").lives[0].sampling.max_new_tokens == WHOLE_STORY
    assert "The same question" in beside
    asked: list[list] = []
    who = roster.get("chat")
    answer = who.reply
    who.reply = lambda talk, sampling: asked.append(talk) or answer(talk, sampling)
    answers = room.send(ADA, "stories", SEAT, talk, "Who is it about?")
    _, beside, talk, _ = asyncio.run(collect(answers))[-1]
    assert [set(turn) for turn in asked[0]] == [{"role", "content"}] * 3
    assert asked[0][1]["content"] == talk[1]["content"]
    assert "holds" in talk[1]  # the page still knows what was found
    assert "stories was never tuned" in beside


def test_a_story_may_be_stopped_and_nobody_is_told_two_at_once():
    roster = fake_roster(pause=NEVER, stories=True)
    room = chat._Room(cast(Page, SimpleNamespace(roster=roster)))

    async def told():
        story = room.story(ADA, [])
        assert "aria-busy='true'" in (await anext(story))[0]
        assert len(await collect(room.story(ADA, []))) == 1
        room.stop(ADA)
        return await collect(story)

    assert "aria-busy='false'" in asyncio.run(told())[-1][0]
    assert room._running == {}


def test_a_story_is_offered_only_where_somebody_tells_it_and_somebody_answers():
    assert fake_roster(stories=True).has_a_story()
    assert not fake_roster().has_a_story()  # the chat of these was tuned from another


def test_questions_about_a_story_are_offered_once_there_is_one():
    there = [{"role": "assistant", "content": "", "holds": None}]
    assert all(button.visible for button in chat._questions(there))
    assert not any(button.visible for button in chat._questions([]))


def test_the_line_stands_before_the_first_message_that_is_remembered():
    talk = [
        {"role": role, "content": f"{role} {n}"} for n in range(3) for role in ("user", "assistant")
    ]
    lines = transcript(talk, forgotten=2).split("<li ")
    assert "memory" in lines[3]
    assert "user 1" in lines[4]
    assert "memory" not in transcript(talk)


def test_what_is_said_is_text_and_three_turns_are_a_milestone():
    said = "<script>${1}</script>"
    talk = [{"role": "user", "content": said}, {"role": "assistant", "content": "no"}] * 3
    assert "&lt;script&gt;" in transcript(talk)
    assert "<script>" not in transcript(talk)
    assert "data-done='chat'" in transcript(talk)
    assert "data-done" not in transcript(talk, busy=True)
    assert "data-done" not in transcript(talk[:4])


def test_a_story_has_its_line_and_its_writer_and_counts_as_no_turn():
    story = {"role": "assistant", "content": "Ben left.", "by": "<stories>"}
    story["holds"] = Coherence("fails", "who is Ben?", 0, 3)
    shown = transcript([{"role": "user", "content": "a story"}, story] * 3)
    assert "<mark>Ben</mark> left." in shown
    assert "does not hold together: who is Ben?" in shown
    assert "&lt;stories&gt; wrote this story" in shown
    assert "data-done" not in shown


def ask(page, question: str, turns: int) -> None:
    page.fill("#ask textarea", question)
    page.press("#ask textarea", "Enter")
    answered(page, turns)


def answered(page, turns: int) -> None:
    page.wait_for_function(
        "turns => document.querySelector('.talk')?.ariaBusy === 'false' "
        "&& document.querySelectorAll('.talk .assistant').length === turns",
        arg=turns,
    )


@pytest.mark.browser
@pytest.mark.parametrize(
    ("phone", "dark"),
    [
        (False, False),
        pytest.param(True, False, marks=pytest.mark.slow),
        pytest.param(False, True, marks=pytest.mark.slow),
        pytest.param(True, True, marks=pytest.mark.slow),
    ],
)
def test_a_chat_of_three_turns(quick_page, visit, picture, phone, dark):
    look = NAMES[phone, dark]
    with visit(f"{quick_page}?tab=chat&model=chat", phone=phone, dark=dark) as page:
        page.locator("#tab-chat-button").wait_for()
        page.get_by_role("button", name="What is a token?").click()
        answered(page, 1)
        ask(page, "<img src=x onerror=window.hacked=1>${window.hacked=1}", 2)
        assert page.locator(".talk .memory").count() == 0
        ask(page, "and now?", 3)
        page.locator(".talk .memory").wait_for()
        assert page.locator("#untuned .prompt").inner_text() == "and now?"
        assert page.evaluate("window.hacked") is None
        picture(page, f"chat-{look}", whole=True)
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= (390 if phone else 1280)
        # The talk before it looks the same: only another element tells that Retry was heard.
        page.evaluate("document.querySelector('.talk').dataset.old = true")
        page.get_by_role("button", name="Retry").click()
        page.locator(".talk:not([data-old])").wait_for()
        answered(page, 3)
        page.wait_for_function("JSON.parse(localStorage.getItem('tinygpt-guide'))?.done?.chat")
        page.get_by_role("button", name="Clear").click()
        page.get_by_text("Ask something, or take one").wait_for()
        assert page.locator(".talk").count() == 0


@pytest.mark.browser
def test_chat_is_always_there_says_with_whom_and_keeps_the_talk_with_the_same_model(
    quick_page, visit
):
    with visit(quick_page) as page:
        page.get_by_role("button", name="Choose the models").click()
        page.locator("#tab-chat-button").click()
        page.get_by_text("The left model, shakespeare, never learned to answer.").wait_for()
        ask(page, "hi", 1)
        page.locator("#tab-compare-button").click()
        page.locator("#menu-left input[value='chat']").check()
        page.locator("#tab-chat-button").click()
        page.get_by_text("never learned to answer").wait_for(state="hidden")
        assert page.locator(".talk .assistant").count() == 1
