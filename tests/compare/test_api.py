"""The named endpoints, called by gradio's own client and by an MCP client."""

from __future__ import annotations

import asyncio
import json
import warnings

import pytest

from compare.api import Api

from .fakes import NAMES, fake_roster

ENDPOINTS = {
    "models": {},
    "facts": {"model": "hello"},
    "generate": {"prompt": "To be", "model": "baseline", "max_new_tokens": 5, "seed": 3},
    "next_tokens": {"prompt": "To be", "temperature": 0.5, "unit": "token"},
    "tokens": {"text": "é"},
    "attention": {"prompt": "To be", "layer": 2, "head": 1},
    "lens": {"prompt": "To be"},
    "parts": {"prompt": "To be", "model": "baseline", "token": "a", "against": "b"},
    "without": {"prompt": "To be", "parts": ["block 0 head 1"]},
    "score": {"text": "To be"},
}


def check(name: str, answer) -> None:
    """Each answer says what its description promises."""
    known = {
        "models": lambda a: a["tiny"] == NAMES and a["baseline"]["name"],
        "facts": lambda a: a["name"] == "hello" and a["vocabulary"] == 5,
        "generate": lambda a: a["stopped"] == "length reached" and a["tokens"] == 5,
        "next_tokens": lambda a: a["unit"] == "token" and a["entries"][0][0] == " tok0",
        "tokens": lambda a: a == [{"text": "é", "id": 233, "bytes": "c3a9"}],
        "attention": lambda a: a["tokens"] == list("To be"),
        "lens": lambda a: a["tokens"] == list("To be") and len(a["guesses"][3]) == 5,
        "parts": lambda a: (
            a["against"] == "b" and sum(share for _, share in a["parts"]) == a["score"]
        ),
        "without": lambda a: (
            a["parts"] == ["block 0 head 1"] and a["text_before"] != a["text_after"]
        ),
        "score": lambda a: a["bits_per_byte"] == 2.5 and len(a["tokens"]) == 5,
    }
    assert known[name](answer), answer


@pytest.fixture(scope="module")
def client(quick_page):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from gradio_client import Client

        yield Client(quick_page, verbose=False)


def test_every_endpoint_is_tested_and_described(client):
    described = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {name.lstrip("/") for name in described} == set(ENDPOINTS)
    assert all(endpoint.get("description") for endpoint in described.values())


@pytest.mark.parametrize("name", ENDPOINTS)
def test_gradios_client_calls_every_endpoint(client, name):
    check(name, client.predict(api_name=f"/{name}", **ENDPOINTS[name]))


def test_a_generation_streams(client):
    job = client.submit(api_name="/generate", prompt="To be", max_new_tokens=500)
    job.result()
    tokens = [message["tokens"] for message in job.outputs()]
    assert tokens == sorted(tokens)
    assert tokens[-1] == 500


@pytest.mark.parametrize(
    ("name", "wrong", "sentence"),
    [
        ("generate", {"prompt": ""}, "The prompt is empty"),
        ("generate", {"prompt": "a", "temperature": "hot"}, "temperature must be a number"),
        ("generate", {"prompt": "a", "top_k": -1}, "top_k must be between"),
        ("generate", {"prompt": "a", "max_new_tokens": 10**9}, "max_new_tokens must be between"),
        ("generate", {"prompt": "a", "model": {"x": 1}}, "model must be a name"),
        ("generate", {"prompt": "a", "model": "../etc/passwd"}, "user/name"),
        ("generate", {"prompt": "a", "model": "ada/lost"}, "ada/lost is not on the Hub"),
        ("next_tokens", {"prompt": "a", "unit": "word"}, '"letter" or "token"'),
        ("attention", {"prompt": "a", "layer": "first"}, "whole numbers"),
        ("score", {"text": ""}, "empty"),
    ],
)
def test_what_cannot_be_answered_is_a_sentence(client, name, wrong, sentence):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match=sentence):
        client.predict(api_name=f"/{name}", **wrong)


def test_an_mcp_client_lists_and_calls_every_tool(quick_page):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def talk() -> None:
        async with (
            streamable_http_client(f"{quick_page}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            assert {tool.name for tool in tools} == set(ENDPOINTS)
            for tool in tools:
                assert tool.description
                for name, argument in tool.inputSchema["properties"].items():
                    assert argument.get("description"), (tool.name, name)
                result = await session.call_tool(tool.name, ENDPOINTS[tool.name])
                assert not result.isError, result
                check(tool.name, as_json(result.content[0].text))

    asyncio.run(talk())


def as_json(text: str):
    """Gradio hands a tool's answer over as JSON, or as Python writes it."""
    import ast

    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return ast.literal_eval(text)


def test_a_dropped_generation_is_cancelled():
    roster = fake_roster(pause=0.02)

    async def leave():
        stream = Api(roster).generate("To be")
        await anext(stream)
        await stream.aclose()
        return (await roster.arrive("shakespeare")).lives

    lives = asyncio.run(leave())
    assert [live.chunk().stopped for live in lives] == ["stopped"]
