"""The page: a prompt, two models, and a tab for each question that one may ask of them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from html import escape

import gradio as gr

from .values import Chunk, Refusal, Sampling


def show(chunk: Chunk, prompt: str) -> str:
    state = chunk.stopped or "writing"
    return f"<p class='text'><b>{escape(prompt)}</b>{escape(chunk.text)}</p><p>{escape(state)}</p>"


def build_demo(left, right) -> gr.Blocks:
    async def write(prompt: str) -> AsyncIterator[tuple[str, str]]:
        sampling = Sampling(seed=secrets.randbelow(1_000_000))
        try:
            lives = [model.start(prompt, sampling) for model in (left, right)]
        except Refusal as refusal:
            yield escape(str(refusal)), ""
            return
        try:
            chunks = [live.chunk() for live in lives]
            while not all(chunk.stopped for chunk in chunks):
                await asyncio.sleep(0.15)
                chunks = [live.chunk() for live in lives]
                first, second = (show(chunk, prompt) for chunk in chunks)
                yield first, second
        finally:
            for live in lives:
                live.cancel()

    with gr.Blocks(title="TinyGPT beside GPT-2") as demo:
        prompt = gr.Textbox("To be or not to be", label="Prompt")
        button = gr.Button("Generate", variant="primary")
        with gr.Row():
            panes = [gr.HTML(), gr.HTML()]
        gr.on([button.click, prompt.submit], write, prompt, panes, concurrency_limit=None)
    return demo
