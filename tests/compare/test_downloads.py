"""One's own model as one HTML file: never in the page's own origin, and gone with the model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from compare import downloads
from compare.lineup import CHECKPOINTS
from compare.roster import GONE, Roster

from .conftest import FAREWELL
from .fakes import FakeContestant

# All that could end a script element, start one, or run as a template; long enough to train on.
HOSTILE = "</script><!--<script><img src=x onerror=window.ran=1>\u2028'\"`${window.ran=1}{{1}}"


@pytest.fixture
def own(tmp_path) -> tuple[Roster, str, Path]:
    """A roster with a visitor's model, its key and its folder."""
    folder = tmp_path / "your-text"
    shutil.copytree(CHECKPOINTS / "hello", folder)
    roster = Roster(["shakespeare"], FakeContestant, baseline=None)
    return roster, roster.add(FakeContestant, folder=folder), folder


def client(roster: Roster) -> TestClient:
    return TestClient(Starlette(routes=downloads.routes(roster)))


def test_it_opens_in_an_origin_of_its_own_and_is_made_once(own):
    roster, key, folder = own
    with client(roster) as browser:
        first = browser.get(f"/{downloads.address(key)}")
        made = (folder.parent / "page.html").stat().st_mtime_ns
        again = browser.get(f"/{downloads.address(key)}")
    policy = first.headers["content-security-policy"].split()
    assert policy[0] == "sandbox"
    assert "allow-same-origin" not in policy
    assert "allow-top-navigation" not in policy
    assert first.headers["content-type"].startswith("text/html")
    assert first.headers["content-disposition"].startswith("inline")
    assert b"your-text" in first.content
    assert again.content == first.content
    assert (folder.parent / "page.html").stat().st_mtime_ns == made


def test_it_is_a_file_where_one_is_asked_for(own):
    roster, key, _ = own
    with client(roster) as browser:
        reply = browser.get(f"/{downloads.address(key)}?save")
    assert reply.headers["content-disposition"] == 'attachment; filename="your-text.html"'


@pytest.mark.parametrize("key", ["own-" + "0" * 32, "shakespeare", "..%2f..%2fapp", "<img>"])
def test_what_is_not_a_visitors_model_is_not_served(own, key):
    with client(own[0]) as browser:
        reply = browser.get(f"/own/{key}.html")
    assert reply.status_code == 404
    if reply.text != "Not Found":  # no key holds a slash
        assert reply.text == GONE
        assert reply.headers["content-type"].startswith("text/plain")


def test_deleted_is_deleted(own):
    roster, key, _ = own
    roster.remove(key)
    with client(roster) as browser:
        assert browser.get(f"/{downloads.address(key)}").status_code == 404


@pytest.mark.browser
@pytest.mark.slow
def test_a_hostile_text_runs_nothing_from_training_to_the_opened_page(quick_page, visit, tmp_path):
    """It is in the vocabulary, the prompt, the samples and the card of what was trained on it."""
    with visit(f"{quick_page}?tab=train&lesson=own", forgive=FAREWELL) as page:
        page.set_default_timeout(240_000)
        page.fill("#own-text textarea", f"{HOSTILE}\n" * 40)
        page.click("#own-start")
        page.locator("#own-open").wait_for()
        assert page.evaluate("window.ran") is None
        with page.context.expect_page() as opening:
            page.click("#own-open")
        opened, said = opening.value, []
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.locator("body:not(.busy)").wait_for()
        opened.locator(".figures").first.wait_for()
        assert opened.evaluate("window.ran") is None
        assert opened.evaluate("window.origin") == "null"
        assert opened.evaluate("window.opener") is None
        assert "</script>" in opened.evaluate("tinygpt.generate('</scr', {max_new_tokens: 200})")
        assert said == []
        with page.expect_download() as saving:
            page.click("#own-save")
        saving.value.save_as(tmp_path / "saved.html")
        assert saving.value.suggested_filename == "your-text.html"
        page.click("#own-beside")
        page.locator(".pane.left .figures", has_text="reached").wait_for()
        assert page.evaluate("window.ran") is None
    with visit((tmp_path / "saved.html").as_uri(), ready=".figures") as page:
        page.locator("body:not(.busy)").wait_for()
        assert page.evaluate("window.ran") is None
