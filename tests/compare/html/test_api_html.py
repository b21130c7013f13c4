"""How to call the page: what is shown is a program that runs, for the address that was opened."""

from __future__ import annotations

import ast
import json
import re
from html import unescape

from compare.html.api_html import api_html


def test_the_examples_are_programs_and_name_this_page():
    shown = api_html("https://ada-tiny.hf.space/")
    *programs, mcp = (unescape(code) for code in re.findall(r"<pre[^>]*>(.*?)</pre>", shown, re.S))
    assert len(programs) == 2
    for program in programs:
        ast.parse(program)
        assert 'Client("https://ada-tiny.hf.space/")' in program
    url = json.loads(mcp)["mcpServers"]["tinygpt"]["url"]
    assert url == "https://ada-tiny.hf.space/gradio_api/mcp/"


def test_an_address_is_text():
    assert "<script>" not in api_html("http://<script>/")
