"""Chat: what does tuning on answers do?"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from html import escape
from typing import Any

import gradio as gr

from compare.html import curves
from compare.html.panes import SIDES, notice
from compare.roster import SEAT
from compare.tabs.shared import QUIET, Page, html
from compare.values import Answers, Generation, Message, RefusedError, Sampling

NAME = "Chat"
MODEL, BASE = "chat", "chat-base"
ASK = ["What is a token?", "Why?", "How can I try it?", "What is the capital of France?"]
_LONGEST = 96  # tokens of an answer; those that were taught have at most half of it
_MOST = 1_000  # letters of a question
_LOOK = 0.15
_MARK = "(chats) => { document.body.dataset.chats = chats; }"
Talk = list[Message]


def build(page: Page, tab: gr.Tab) -> None:
    room, left = _Room(page), page.seats[SIDES[0]]
    talk: gr.State = gr.State([])
    with gr.Row(elem_classes="halves"):
        with gr.Column(min_width=300):
            html("<h3>After tuning, it answers</h3>")
            said = html(transcript([]), elem_id="talk")
            question = gr.Textbox(
                label="Ask about an idea of the guide", max_lines=3, elem_id="ask", max_length=_MOST
            )
            with gr.Row(elem_classes="chips"):
                chips = [gr.Button(text, size="sm", elem_classes="chip") for text in ASK]
            with gr.Row(elem_classes="actions"):
                send = gr.Button("Send", variant="primary", elem_id="send", elem_classes="go")
                stop = gr.Button("Stop", elem_id="chat-stop")
                retry = gr.Button("Retry", elem_id="retry", min_width=80)
                clear = gr.Button("Clear", elem_id="clear", min_width=80)
        with gr.Column(min_width=300):
            html("<h3>Before tuning, it continues</h3>")
            beside = html(_pane(), elem_id="untuned")
    # Gradio hides no tab that is there already: the style sheet does, by a mark on the page.
    chats = gr.Checkbox(visible=False)
    shown = [said, beside, talk, question]
    options: dict[str, Any] = {"concurrency_limit": None, **QUIET}
    answers: list[Any] = [
        press(room.send, [left, talk, question], shown, **options)
        for press in (send.click, question.submit)
    ]
    answers += [
        chip.click(room.send, [left, talk, gr.State(text)], shown, **options)
        for chip, text in zip(chips, ASK, strict=True)
    ]
    answers.append(retry.click(room.again, [left, talk], shown, **options))
    stop.click(room.stop, queue=False, **QUIET)
    clear.click(lambda: (transcript([]), _pane(), [], ""), None, shown, cancels=answers, **QUIET)

    async def seat(key: str) -> tuple[Any, ...]:
        """The tab is there for models that chat; another model begins another talk. Before it is
        tuned, a model has the words for turns and does not know what they are for."""
        try:
            able = key != BASE and (await page.roster.arrive(key)).facts().chats
        except RefusedError:
            able = False
        return able, transcript([]), _pane(), []

    seats = [chats, said, beside, talk]
    changed = left.change(seat, left, seats, cancels=answers, trigger_mode="multiple", **options)
    for seated in (changed, page.demo.load(seat, left, seats, **options)):
        seated.then(None, chats, js=_MARK, **QUIET)


class _Room:
    """Who talks: each visitor's answers under way, so that Stop finds them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._running: dict[str, list[Generation]] = {}

    async def send(
        self, request: gr.Request, left: str, talk: Talk, question: str
    ) -> AsyncIterator[tuple[Any, ...]]:
        question = (question or "").strip()
        if not question or self._busy(request):
            yield tuple(gr.skip() for _ in range(4))
            return
        asked = [*talk, {"role": "user", "content": question[:_MOST]}]
        sampling = Sampling(greedy=True, max_new_tokens=_LONGEST)
        async for out in self._answer(request.session_hash or "", left, asked, sampling):
            yield out

    async def again(
        self, request: gr.Request, left: str, talk: Talk
    ) -> AsyncIterator[tuple[Any, ...]]:
        """The last question once more, drawn this time, so that the answer may be another."""
        asked = talk[:-1] if talk and talk[-1]["role"] == "assistant" else talk
        if not asked or self._busy(request):
            yield tuple(gr.skip() for _ in range(4))
            return
        sampling = Sampling(seed=secrets.randbelow(1_000_000), max_new_tokens=_LONGEST)
        async for out in self._answer(request.session_hash or "", left, asked, sampling):
            yield out

    def stop(self, request: gr.Request) -> None:
        for live in self._running.get(request.session_hash or "", ()):
            live.cancel()

    def _busy(self, request: gr.Request) -> bool:
        """One answer at a time: each is written for the talk as it stood."""
        return (request.session_hash or "") in self._running

    async def _answer(
        self, visitor: str, left: str, asked: Talk, sampling: Sampling
    ) -> AsyncIterator[tuple[Any, ...]]:
        try:
            tuned = await self.page.roster.arrive(left)
            live = tuned.reply(asked, sampling)
        except RefusedError as refusal:
            yield transcript(asked[:-1]) + notice(str(refusal)), gr.skip(), asked[:-1], gr.skip()
            return
        forgotten = tuned.forgets(asked)
        other, name, problem = await self._untuned(left, asked[-1]["content"], sampling)
        lives = self._running[visitor] = [live, *([other] if other else [])]
        try:
            while True:
                text = live.chunk().text
                now: Talk = [*asked, {"role": "assistant", "content": text.strip()}]
                over = all(one.chunk().stopped for one in lives)
                yield (
                    transcript(now, forgotten, busy=not over),
                    _pane(name, asked[-1]["content"], other.chunk().text if other else "", problem),
                    now,
                    "",
                )
                if over:
                    return
                await asyncio.sleep(_LOOK)
        finally:
            for one in lives:
                one.cancel()
            if self._running.get(visitor) is lives:
                del self._running[visitor]

    async def _untuned(
        self, left: str, question: str, sampling: Sampling
    ) -> tuple[Generation | None, str, str]:
        """The same model before it was tuned, where it is here, or whoever is on the right."""
        try:
            model: Answers
            if left == MODEL and BASE in self.page.roster.names:
                model = await self.page.roster.arrive(BASE)
            else:
                model = (await self.page.roster.seat(SEAT)).contestant
            drawn = Sampling(max_new_tokens=_LONGEST // 2, seed=sampling.seed)
            return model.start(question, drawn), model.name, ""
        except RefusedError as refusal:
            return None, "", str(refusal)


def transcript(talk: Sequence[Message], forgotten: int = 0, busy: bool = False) -> str:
    """The talk, with a line where the model's memory begins."""
    if not talk:
        return "<p class='state'>Ask something, or take one of the questions below.</p>"
    lines = []
    for number, message in enumerate(talk):
        if forgotten and number == forgotten:
            lines.append("<li class='memory'>Here its memory begins: the window holds no more</li>")
        who = "You" if message["role"] == "user" else "It"
        lines.append(
            f"<li class='{message['role']}'><span class='unseen'>{who}: </span>"
            f"{escape(message['content'])}</li>"
        )
    turns = sum(message["role"] == "assistant" for message in talk)
    done = " data-done='chat'" if turns >= 3 and not busy else ""
    return (
        f"<div class='talk' tabindex='0' role='log' aria-label='The talk' "
        f"aria-busy='{str(busy).lower()}'{done}><ol>{''.join(lines)}</ol></div>"
    )


def _pane(name: str = "", question: str = "", text: str = "", problem: str = "") -> str:
    if problem:
        return f"<p class='problem'>{escape(problem)}</p>"
    if not name:
        return "<p class='state'>The same question, as the beginning of a text.</p>"
    return (
        f"{curves.written(question, text)}<p class='fine'>{escape(name)} was never tuned to "
        "answer. It simply continues your text.</p>"
    )
