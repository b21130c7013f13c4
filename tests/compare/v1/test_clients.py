"""Clients that people have, against the page as it is started: openai, gradio's and lm-eval's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from compare.values import Sampling
from tests.compare.servers import ROOT, serve
from tinygpt_hf.loading import load
from tinygpt_hf.scoring import score

KEY = "a key"


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with serve("app.py", "--baseline", "none", "--api-key", KEY) as url:
        yield url.rstrip("/") + "/v1"


@pytest.fixture
def client(page):
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=page, api_key=KEY, max_retries=0, timeout=120) as client:
        yield client


def test_the_text_is_that_of_generate(client):
    """The same settings and seed as in transformers give the same text."""
    sampling = Sampling(temperature=0.9, top_k=20, max_new_tokens=40, seed=11)
    answer = client.completions.create(
        model="shakespeare",
        prompt="To be or not to be",
        max_tokens=40,
        temperature=0.9,
        seed=11,
        extra_body={"top_k": 20},
    )
    model, tokenizer = load("shakespeare")
    ids = torch.tensor([tokenizer.encode("To be or not to be", add_special_tokens=False)])
    torch.manual_seed(11)
    output = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=40,
        **sampling.for_generate(),
    )
    assert answer.choices[0].text == tokenizer.decode(output[0, ids.shape[1] :])
    assert answer.usage.prompt_tokens == ids.shape[1]
    assert answer.usage.completion_tokens == 40


def test_a_chat_streams_the_text_that_comes_in_one_piece_otherwise(client):
    ask = {
        "model": "chat",
        "messages": [{"role": "user", "content": "What is a token?"}],
        "seed": 1,
        "max_tokens": 60,
    }
    whole = client.chat.completions.create(**ask)
    pieces = list(client.chat.completions.create(**ask, stream=True))
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert text == whole.choices[0].message.content
    assert pieces[-1].choices[0].finish_reason == whole.choices[0].finish_reason


def test_log_probabilities_are_those_of_the_model(client):
    """Of a prompt that is echoed: the sum is what scoring the text says."""
    text = "To be or not to be"
    echoed = client.completions.create(
        model="shakespeare", prompt=text, max_tokens=0, echo=True, logprobs=1
    )
    shown = echoed.choices[0].logprobs
    assert "".join(shown.tokens) == echoed.choices[0].text == text
    model, tokenizer = load("shakespeare")
    bits = [bits for _, bits in score(model, tokenizer, text).tokens][1:]
    theirs = [-nats / 0.6931471805599453 for nats in shown.token_logprobs[1:]]
    assert theirs == pytest.approx(bits, abs=1e-3)


def test_a_stop_text_ends_it_and_tokens_are_taken_as_a_prompt(client):
    _, tokenizer = load("shakespeare")
    answer = client.completions.create(
        model="shakespeare",
        prompt=tokenizer.encode("ROMEO:\n", add_special_tokens=False),
        max_tokens=200,
        seed=3,
        stop=["\n"],
    )
    assert "\n" not in answer.choices[0].text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens < 200


def test_errors_are_those_that_the_client_knows(client, page):
    import openai

    with pytest.raises(openai.NotFoundError, match="nobody"):
        client.completions.create(model="nobody", prompt="x")
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.completions.create(model="shakespeare", prompt="x", temperature=9)
    stranger = openai.OpenAI(base_url=page, api_key="wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError, match="API key"):
        stranger.models.list()


def test_gradio_makes_a_chat_of_it(page):
    """In a process of its own: a gradio page leaves loops and sockets open."""
    pytest.importorskip("openai")
    ask = (
        "import gradio as gr, sys\n"
        f"chat = gr.load_chat({page!r}, model='chat', token={KEY!r})\n"
        "*_, last = chat.fn('What is a token?', [])\n"
        "sys.stdout.write(last)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, capture_output=True, encoding="utf-8", timeout=180
    )
    assert "token" in said.stdout.lower(), said.stderr


def test_lm_eval_reads_it(page):
    """Its requests are echoes with log-probabilities; the sums are those of the model."""
    pytest.importorskip("lm_eval", exc_type=ImportError)
    ask = (
        "import json, sys\n"
        "from lm_eval.api.instance import Instance\n"
        "from lm_eval.models.openai_completions import LocalCompletionsAPI\n"
        f"lm = LocalCompletionsAPI(base_url={page + '/completions'!r}, model='shakespeare',"
        " tokenizer='checkpoints/shakespeare', tokenizer_backend='huggingface', max_length=200)\n"
        "texts = [('To be or not ', 'to be'), ('To be or not ', 'zzzzz')]\n"
        "ask = [Instance('loglikelihood', {}, pair, i) for i, pair in enumerate(texts)]\n"
        "sys.stdout.write('\\n' + json.dumps(lm.loglikelihood(ask)))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=ROOT,
        env=os.environ | {"OPENAI_API_KEY": KEY, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert said.returncode == 0, said.stderr
    likely, unlikely = json.loads(said.stdout.splitlines()[-1])
    assert likely[0] > unlikely[0]
