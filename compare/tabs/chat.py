"""Chat: what does tuning on answers do?"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from compare.html import curves
from compare.html.panes import notice
from compare.html.stories import coherence
from compare.roster import Roster
from compare.tabs.shared import QUIET, Page, html
from compare.values import Answers, Generation, Message, RefusedError, Sampling
from compare.values.players import CHAT, STORIES, WHOLE_STORY

NAME = "Chat"
ASK = ["What is a token?", "Why?", "How can I try it?", "What is the capital of France?"]
ABOUT = ["Who is the story about?", "Where does it begin?", "How does it end?"]
STORY = "Tell me a story."
_LONGEST = WHOLE_STORY  # tokens of an answer: it may be a story
_UNTUNED = 48  # tokens of what the model before tuning goes on with
_AS_IT_IS = tuple(gr.skip() for _ in range(4))  # of what an answer changes
_MOST = 1_000  # letters of a question
_LOOK = 0.15
_EMPTY = "<p class='state'>Ask something, or take one of the questions below.</p>"
_NOBODY = "No model here was tuned to answer: put one that was on the left."
# A message: `role` and `content`; of a story `holds`, what was found in it, and `by`, who wrote it
# where that was not the one that is talked with.
Turn = dict[str, Any]
Talk = list[Turn]


def build(page: Page, tab: gr.Tab) -> None:
    room, seats, has_a_story = _Room(page), page.keys, page.roster.has_a_story()
    with gr.Row(elem_classes="halves"):
        with gr.Column(min_width=300):
            who = html(_who(page.roster, *_first(page.roster)), elem_id="chat-who")
            said = html(_EMPTY, elem_id="talk")
            question = gr.Textbox(
                label="Your question", max_lines=3, elem_id="ask", max_length=_MOST
            )
            with gr.Row(elem_classes="chips"):
                offer = _chip("A story to ask about", has_a_story)
                about = [_chip(text, False) for text in ABOUT]
                chips = [_chip(text) for text in ASK]
            with gr.Row(elem_classes="actions"):
                send = gr.Button("Send", variant="primary", elem_id="send", elem_classes="go")
                stop = gr.Button("Stop", elem_id="chat-stop")
                retry = gr.Button("Retry", elem_id="retry", min_width=80)
                clear = gr.Button("Clear", elem_id="clear", min_width=80)
        with gr.Column(min_width=300):
            html("<h3>Before tuning, it continues</h3>")
            beside = html(_pane(), elem_id="untuned")
    talk: gr.State = gr.State([])
    partner: gr.State = gr.State(_first(page.roster)[1])  # whom the talk is with
    shown = [said, beside, talk, question]
    options: dict[str, Any] = {"concurrency_limit": None, **QUIET}
    answers: list[Any] = [
        press(room.send, [*seats, talk, question], shown, **options)
        for press in (send.click, question.submit)
    ]
    answers += [
        chip.click(room.send, [*seats, talk, gr.State(text)], shown, **options)
        for chip, text in zip([*about, *chips], [*ABOUT, *ASK], strict=True)
    ]
    answers.append(retry.click(room.again, [*seats, talk], shown, **options))
    answers.append(offer.click(room.story, talk, shown, **options))
    stop.click(room.stop, queue=False, **QUIET)
    cleared = clear.click(lambda: (_EMPTY, _pane(), [], ""), None, shown, cancels=answers, **QUIET)

    async def seat(left: str, before: str) -> tuple[Any, ...]:
        """Another model begins another talk; the same one goes on."""
        now = await room.partner(left)
        gone = [gr.skip()] * 3 if now == before else [_EMPTY, _pane(), []]
        return _who(page.roster, left, now), now, *gone

    followed = [who, partner, said, beside, talk]
    seated = [
        event(seat, [seats[0], partner], followed, trigger_mode="multiple", **options)
        for event in (seats[0].change, page.demo.load)
    ]
    for event in (*answers, cleared, *seated):
        event.then(_questions, talk, about, **options)


def _chip(text: str, visible: bool = True) -> gr.Button:
    return gr.Button(text, size="sm", elem_classes="chip", visible=visible)


def _questions(talk: Talk) -> list[Any]:
    """Questions about a story are offered where there is one."""
    there = any("holds" in turn for turn in talk)
    return [gr.Button(visible=there) for _ in ABOUT]


def _first(roster: Roster) -> tuple[str, str]:
    """The left model and whom the talk is with, as far as one knows before any is loaded."""
    return roster.left, roster.left if roster.before_tuning(roster.left) else CHAT


def _who(roster: Roster, left: str, partner: str) -> str:
    """Whom one talks with, and why not with the left model."""
    name = roster.line(left).partition(":")[0]
    instead = "" if partner == left else f" The left model, {name}, never learned to answer."
    return (
        "<h3>After tuning, it answers</h3>"
        f"<p class='fine'>You talk with {escape(roster.line(partner))}.{escape(instead)}</p>"
    )


def _plain(talk: Talk) -> list[Message]:
    """What was said, without what the page knows about it."""
    return [{"role": turn["role"], "content": turn["content"]} for turn in talk]


class _Room:
    """Who talks: each visitor's answers under way, so that Stop finds them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._running: dict[str, list[Generation]] = {}

    async def partner(self, left: str) -> str:
        """The key of the left model if it was tuned to answer, otherwise of the chat that ships."""
        try:
            able = self.page.roster.was_tuned(left)
            if able and (await self.page.roster.arrive(left)).facts().chats:
                return left
        except RefusedError:
            pass  # whoever is there can be talked with all the same
        return CHAT

    async def send(
        self, request: gr.Request, left: str, right: str, talk: Talk, question: str
    ) -> AsyncIterator[tuple[Any, ...]]:
        question = (question or "").strip()
        if not question or self._busy(request):
            yield _AS_IT_IS
            return
        asked = [*talk, {"role": "user", "content": question[:_MOST]}]
        sampling = Sampling(greedy=True, max_new_tokens=_LONGEST)
        async for out in self._answer(request.session_hash or "", (left, right), asked, sampling):
            yield out

    async def again(
        self, request: gr.Request, left: str, right: str, talk: Talk
    ) -> AsyncIterator[tuple[Any, ...]]:
        """The last question once more, drawn this time, so that the answer may be another."""
        asked = talk[:-1] if talk and talk[-1]["role"] == "assistant" else talk
        if not asked or self._busy(request):
            yield _AS_IT_IS
            return
        sampling = Sampling(seed=secrets.randbelow(1_000_000), max_new_tokens=_LONGEST)
        async for out in self._answer(request.session_hash or "", (left, right), asked, sampling):
            yield out

    async def story(self, request: gr.Request, talk: Talk) -> AsyncIterator[tuple[Any, ...]]:
        """A story of another model of the page joins the talk, for the visitor to ask about."""
        visitor = request.session_hash or ""
        if self._busy(request):
            yield _AS_IT_IS
            return
        try:
            teller = await self.page.roster.arrive(STORIES)
            number = secrets.randbelow(1_000_000)
            opening = await asyncio.to_thread(teller.opening, number)
            live = teller.start(opening, Sampling(seed=number, max_new_tokens=WHOLE_STORY))
        except RefusedError as refusal:
            yield transcript(talk) + notice(str(refusal)), gr.skip(), gr.skip(), gr.skip()
            return
        lives = self._running[visitor] = [live]
        told = [*talk, {"role": "user", "content": STORY}]
        turn: Turn = {"role": "assistant", "by": teller.name}
        try:
            while True:
                chunk = live.chunk()
                turn = {**turn, "content": opening + chunk.text}
                if chunk.stopped:
                    turn["holds"] = await asyncio.to_thread(teller.coherence, opening, chunk.text)
                now = [*told, turn]
                yield transcript(now, busy=not chunk.stopped), _pane(), now, gr.skip()
                if chunk.stopped:
                    return
                await asyncio.sleep(_LOOK)
        finally:
            self._free(visitor, lives)

    def stop(self, request: gr.Request) -> None:
        for live in self._running.get(request.session_hash or "", ()):
            live.cancel()

    def _busy(self, request: gr.Request) -> bool:
        """One answer at a time: each is written for the talk as it stood."""
        return (request.session_hash or "") in self._running

    async def _answer(
        self, visitor: str, seats: tuple[str, str], asked: Talk, sampling: Sampling
    ) -> AsyncIterator[tuple[Any, ...]]:
        try:
            partner = await self.partner(seats[0])
            if partner != seats[0] and not self.page.roster.knows(partner):
                raise RefusedError(_NOBODY)
            tuned = await self.page.roster.arrive(partner)
            live = tuned.reply(_plain(asked), sampling)
        except RefusedError as refusal:
            yield transcript(asked[:-1]) + notice(str(refusal)), gr.skip(), asked[:-1], gr.skip()
            return
        forgotten = tuned.forgets(_plain(asked))
        beside = await self._untuned(partner, seats, asked[-1]["content"], sampling)
        other = beside.live
        lives = self._running[visitor] = [live, *([other] if other else [])]
        try:
            while True:
                over = all(one.chunk().stopped for one in lives)
                text = live.chunk().text.strip()
                turn: Turn = {"role": "assistant", "content": text}
                if over and (found := await asyncio.to_thread(tuned.coherence, "", text)):
                    turn["holds"] = found
                now = [*asked, turn]
                yield transcript(now, forgotten, busy=not over), beside.html(), now, ""
                if over:
                    return
                await asyncio.sleep(_LOOK)
        finally:
            self._free(visitor, lives)

    def _free(self, visitor: str, lives: list[Generation]) -> None:
        for one in lives:
            one.cancel()
        if self._running.get(visitor) is lives:
            del self._running[visitor]

    async def _untuned(
        self, partner: str, seats: tuple[str, str], question: str, sampling: Sampling
    ) -> _Beside:
        """The same model before it was tuned, where it is here, or whoever is on the right."""
        before = self.page.roster.before_tuning(partner)
        try:
            seat = await self.page.roster.seat(before or seats[1], seats)
            model: Answers = seat.contestant
            drawn = Sampling(max_new_tokens=_UNTUNED, seed=sampling.seed)
            untuned = before is not None or not model.facts().chats
            return _Beside(question, model.name, model.start(question, drawn), untuned)
        except RefusedError as refusal:
            return _Beside(question, problem=str(refusal))


@dataclass(frozen=True)
class _Beside:
    """What another model writes after the question, as after the beginning of any text."""

    question: str
    name: str = ""
    live: Generation | None = None
    untuned: bool = True
    problem: str = ""

    def html(self) -> str:
        text = self.live.chunk().text if self.live else ""
        return _pane(self.name, self.question, text, self.problem, self.untuned)


def transcript(talk: Sequence[Turn], forgotten: int = 0, busy: bool = False) -> str:
    """The talk, with a line where the model's memory begins."""
    if not talk:
        return _EMPTY
    lines = []
    for number, turn in enumerate(talk):
        if forgotten and number == forgotten:
            lines.append("<li class='memory'>Here its memory begins: the window holds no more</li>")
        lines.append(_line(turn))
    turns = sum(turn["role"] == "assistant" and "by" not in turn for turn in talk)
    done = " data-done='chat'" if turns >= 3 and not busy else ""
    return (
        f"<div class='talk' tabindex='0' role='log' aria-label='The talk' "
        f"aria-busy='{str(busy).lower()}'{done}><ol>{''.join(lines)}</ol></div>"
    )


def _line(turn: Turn) -> str:
    who, by, found = "You" if turn["role"] == "user" else "It", turn.get("by"), turn.get("holds")
    wrote = f"<p class='fine'>{escape(by)} wrote this story. Ask about it.</p>" if by else ""
    return (
        f"<li class='{turn['role']}'><span class='unseen'>{who}: </span>"
        f"{coherence.marked(turn['content'], found)}{coherence.line(found)}{wrote}</li>"
    )


def _pane(
    name: str = "", question: str = "", text: str = "", problem: str = "", untuned: bool = True
) -> str:
    if problem:
        return f"<p class='problem'>{escape(problem)}</p>"
    if not name:
        return "<p class='state'>The same question, as the beginning of a text.</p>"
    never = "was never tuned to answer. It " if untuned else ""
    return (
        f"{curves.written(question, text)}<p class='fine'>{escape(name)} {never}simply continues "
        "your text.</p>"
    )
