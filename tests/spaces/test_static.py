"""A static Space: made in one commit, and in a browser it fetches its model, keeps it, goes on."""

from __future__ import annotations

import functools
import http.server
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.browser.test_model import foreign
from tests.compare.browser import chromium
from tests.hub.metadata import problems
from training.hub.errors import PublishError

from .conftest import ROOT

browser = pytest.mark.browser
WEIGHTS = r"GET /(lfs/bob/|bob/tiny/resolve/)"


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def deploy(hub, ada, command, run_dir, monkeypatch) -> Callable[..., list[str]]:
    """Deploys bob/tiny, a public model, and returns what was said."""
    hub.store.put("model", "bob/tiny", files_of(run_dir))
    hosts = f"{hub.url} {hub.app.files_host}"
    monkeypatch.setattr(sys.modules["static"], "HOSTS", hosts)

    def deploy(**options) -> list[str]:
        said: list[str] = []
        given = {"model": "bob/tiny", "baseline": "none"} | options
        command.deploy("ada/page", static=True, **given, say=said.append)
        return said

    return deploy


def page_of(hub) -> str:
    return hub.files("ada/page", kind="space")["index.html"].decode()


def manifest_of(hub, name: str = "left") -> dict:
    found = re.search(rf'<script type="application/json" class="{name}">([^<]*)<', page_of(hub))
    assert found
    return json.loads(found[1])


def test_it_is_one_commit_of_a_page_a_card_and_a_licence(hub, deploy):
    said = deploy()
    files = hub.files("ada/page", kind="space")
    assert set(files) == {".gitattributes", "LICENSE", "README.md", "index.html"}
    space = hub.repo("ada/page", "space")
    assert (space.sdk, space.variables, space.secrets) == ("static", {}, {})
    titles = [commit.title for commit in space.at("main").ancestry()]
    assert titles == ["Deploy the page", "initial commit"]
    assert problems(files["README.md"].decode(), "space") == ([], [])
    assert said[-1].startswith(f"{hub.url}/spaces/ada/page is at ")
    assert len(files["index.html"]) < 400_000, "the weights are not in it"


def test_the_model_is_fetched_at_one_commit(hub, deploy):
    commit = hub.repo("bob/tiny").at("main").sha
    deploy()
    manifest = manifest_of(hub)
    assert manifest["home"] == f"{hub.url}/bob/tiny/resolve/{commit}"
    assert manifest["bytes"] == len(hub.files("bob/tiny")["model.safetensors"])
    assert manifest["name"] == "bob/tiny"
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page_of(hub))
    assert policy
    assert f"connect-src {hub.url} {hub.app.files_host};" in policy[1]


def test_what_it_wrote_as_it_learned_is_in_the_page(hub, deploy, run_dir):
    rows = [{"step": 2, "text": "the s"}, {"step": 4, "text": "the sea"}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (run_dir / "samples.jsonl").write_text(text, encoding="utf-8")
    hub.store.put("model", "bob/tiny", files_of(run_dir))
    deploy()
    assert manifest_of(hub)["samples"] == rows


def test_its_page_may_ask_the_hub_and_nobody_else(command):
    assert sys.modules["static"].HOSTS == "https://huggingface.co https://*.hf.co"


def test_deployed_again_unchanged_makes_no_commit(hub, deploy):
    deploy()
    first = hub.repo("ada/page", "space").at("main")
    assert "nothing to commit" in deploy()
    assert hub.repo("ada/page", "space").at("main") == first


def test_another_commit_of_the_model_is_another_page(hub, deploy):
    deploy()
    hub.store.put("model", "bob/tiny", {"notes.txt": b"new"})
    deploy()
    assert manifest_of(hub)["home"].endswith(hub.repo("bob/tiny").at("main").sha)


def test_a_space_that_was_the_other_kind_becomes_this_one(hub, deploy, send):
    send()
    deploy()
    files = hub.files("ada/page", kind="space")
    assert set(files) - {"thumbnail.png"} == {
        ".gitattributes",
        "LICENSE",
        "README.md",
        "index.html",
    }


def test_a_dry_run_writes_nothing(hub, deploy):
    said = deploy(dry_run=True)
    assert ["add", "index.html"] in [line.split()[:2] for line in said]
    assert ("space", "ada/page") not in hub.store.repos


def test_gpt2_is_offered_behind_a_button_unless_told_not_to(hub, deploy):
    deploy()
    assert 'class="offer"' not in page_of(hub)
    deploy(baseline=None)
    offer = manifest_of(hub, "offer")
    assert offer["bytes"] == 548_105_171
    commit = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
    assert offer["home"] == f"{hub.url}/openai-community/gpt2/resolve/{commit}"


REFUSED = {
    "no model": ({"model": None}, "give --model USER/NAME"),
    "a model that ships": ({"model": "hello"}, "give --model USER/NAME"),
    "a baseline": ({"baseline": "bob/big"}, "has GPT-2 behind a button, and not bob/big"),
    "nobody's": ({"model": "bob/none"}, "bob/none cannot be loaded without a token"),
    "private": ({"model": "bob/private"}, "bob/private cannot be loaded without a token"),
    "gated": ({"model": "bob/gated"}, "bob/gated cannot be loaded without a token"),
    "in shards": ({"model": "bob/shards"}, "bob/shards has no model.safetensors in one piece"),
    "of another kind": ({"model": "bob/bert"}, "bob/bert"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_visitor_could_not_fetch_is_refused_before_anything_is_made(hub, deploy, case):
    files = files_of(ROOT / "checkpoints" / "hello")
    for name in ("private", "gated"):
        hub.store.put("model", f"bob/{name}", files)
    hub.repo("bob/private").private = True
    hub.repo("bob/gated").gated = True
    weights = files.pop("model.safetensors")
    hub.store.put("model", "bob/shards", files | {"model-00001-of-00002.safetensors": weights})
    bert = files | {"config.json": b'{"model_type": "bert"}', "model.safetensors": weights}
    hub.store.put("model", "bob/bert", bert)
    options, line = REFUSED[case]
    with pytest.raises(PublishError, match=re.escape(line)) as error:
        deploy(**options)
    assert "\n" not in str(error.value)
    assert ("space", "ada/page") not in hub.store.repos


# In a browser


@pytest.fixture
def served(hub, tmp_path) -> Iterator[Callable[[], str]]:
    """The Space's files from a plain file server, as the Hub serves them; its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def serve() -> str:
        for name, content in hub.files("ada/page", kind="space").items():
            (folder / name).write_bytes(content)
        return f"http://127.0.0.1:{server.server_address[1]}/index.html"

    yield serve
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def visit() -> Iterator[Callable]:
    with chromium() as visitor:
        contexts = []

        def visit(address: str, context=None):
            if context is None:
                context = visitor()
                contexts.append(context)
            page = context.new_page()
            page.goto(address)
            return page, context

        yield visit
        for context in contexts:
            context.close()


def written(page) -> str:
    page.locator(".figures", has_text="as long as asked").first.wait_for(timeout=60_000)
    return page.inner_text(".take")


@browser
def test_the_page_fetches_its_model_and_the_next_visit_does_not(hub, deploy, served, visit):
    deploy()
    address = served()
    page, context = visit(address)
    text = written(page)
    hub.layer.requests.clear()
    again, _ = visit(address, context)
    assert written(again) == text
    assert not any(re.search(WEIGHTS, request) for request in hub.layer.requests)


@browser
def test_a_model_that_16_bits_cannot_hold_is_kept_in_32(hub, deploy, served, visit, run_dir):
    tensors = load_file(run_dir / "model.safetensors")
    tensors["lm_head.weight"][0, 0] = 1e5
    save_file(tensors, run_dir / "model.safetensors", {"format": "pt"})
    hub.store.put("model", "bob/tiny", files_of(run_dir))
    deploy()
    page, _ = visit(served())
    assert written(page)
    scores = page.evaluate("tinygpt.ready.then(() => tinygpt.logits([2])).then((all) => [...all])")
    assert abs(scores[0]) > 1_000  # what 16 bits would have made infinite


@browser
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def test_a_download_that_breaks_goes_on_where_it_was(hub, deploy, served, visit, seed):
    deploy()
    whole, _ = visit(served())
    plan = hub.break_for(
        "bob", seed=seed, only=("cut-reply",), rate=1, most=2, matching="GET /lfs/bob"
    )
    page, _ = visit(served())
    assert written(page) == written(whole)
    assert len(plan.happened) == 2


@browser
def test_where_the_server_cannot_go_on_it_begins_again(hub, deploy, served, visit):
    deploy()
    whole, _ = visit(served())
    text = written(whole)
    hub.break_for("bob", only=("cut-reply",), rate=1, most=1, matching="GET /lfs/bob")
    page, context = visit(served())
    assert written(page) == text
    # Half of it is kept; the server forgets how to go on.
    page.evaluate(
        """async () => {
            const kept = await caches.open("tinygpt");
            const [first] = await kept.keys();
            const bytes = new Uint8Array(await (await kept.match(first)).arrayBuffer());
            for (const key of await kept.keys()) await kept.delete(key);
            const half = new Response(bytes.slice(0, 999));
            await kept.put(first.url.replace(/from=.*/, "from=0"), half);
        }"""
    )
    plan = hub.break_for("bob", only=("no-range",), rate=1, matching="GET /lfs/bob")
    again, _ = visit(served(), context)
    assert written(again) == text
    assert plan.happened


@browser
def test_a_hub_that_stays_away_gets_one_clear_line(hub, deploy, served, visit):
    deploy()
    hub.break_for("bob", only=("503",), rate=1, matching="GET /bob/tiny/resolve")
    page, _ = visit(served())
    line = page.locator("#texts .problem")
    line.wait_for(timeout=60_000)
    assert "the model could not be fetched: " in line.inner_text()


@browser
def test_the_button_puts_a_gpt2_of_the_hub_on_the_right(
    hub, deploy, served, visit, monkeypatch, tmp_path
):
    model = foreign("gpt2")
    model.save_pretrained(tmp_path / "gpt2")
    files = files_of(tmp_path / "gpt2")
    tokenizer = (ROOT / "checkpoints" / "minigpt" / "tokenizer.json").read_bytes()
    put = hub.store.put("model", "openai-community/gpt2", files | {"tokenizer.json": tokenizer})
    static = sys.modules["static"]
    monkeypatch.setattr(static, "GPT2_COMMIT", put.sha)
    monkeypatch.setattr(static, "GPT2_BYTES", len(files["model.safetensors"]))
    deploy(baseline=None)
    page, _ = visit(served())
    written(page)
    assert page.inner_text("#offer") == "Put GPT-2 beside it (0.1 MB to download)"
    page.fill("#prompt", "the")
    page.click("#offer")
    page.locator(".pane.right .figures", has_text="as long as asked").wait_for(timeout=60_000)
    assert page.inner_text(".pane.right h2") == "GPT-2"
    assert page.locator(".pane.right .take").inner_text().startswith("the")
    assert not page.is_visible("#offer")
