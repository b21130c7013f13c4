"""From the Hub: only what is needed, never a silent wait, and the cache where there is no Hub."""

import logging
import pickle
import socket
import threading
import time

import pytest
from huggingface_hub import constants

from tests.tinygpt_hf.answers import equal
from tests.tinygpt_hf.test_files import Evil
from tinygpt_hf import download
from tinygpt_hf import files as files_module
from tinygpt_hf.loading import LoadError, load

SECONDS = 20  # for what takes one; left to itself, the client waits for a minute and more


def test_a_revision_is_a_branch_a_tag_or_a_commit(hub, there, files):
    repo_id = there()
    old = hub.repo(repo_id).branches["main"]
    hub.repo(repo_id).tags["step-500"] = old
    weights = bytearray(files["model.safetensors"])
    weights[-1] ^= 1
    there({"model.safetensors": bytes(weights)})
    first = load(f"{repo_id}@step-500")
    assert equal(load(f"{repo_id}@{old.sha}"), first)
    assert not equal(load(repo_id), first)
    with pytest.raises(LoadError, match="has no branch, tag or commit 'step-501'"):
        load(f"{repo_id}@step-501")


def test_a_pickle_beside_good_weights_is_not_even_downloaded(hub, there, canary):
    load(there({"pytorch_model.bin": pickle.dumps(Evil(canary))}))
    assert not [r for r in hub.layer.requests if "pytorch_model" in r]


def test_a_file_list_that_leaves_the_repository_is_not_followed(hub, there, files):
    """The Hub's answers are a stranger's too."""
    repo = hub.repo(there())
    tree = dict(repo.branches["main"].tree)
    tree["../../../../tmp/evil"] = tree["config.json"]
    repo.commit("main", tree, "evil")
    load(repo.id)
    assert not [r for r in hub.layer.requests if ".." in r]


def test_weights_that_are_too_large_are_not_downloaded(hub, there, files):
    """The config says how many numbers there are."""
    repo_id = there({"model.safetensors": files["model.safetensors"] + b"\0" * 3_000_000})
    with pytest.raises(LoadError, match=r"model\.safetensors has 3,\d+,\d+ bytes, and may have"):
        load(repo_id)
    assert not [r for r in hub.layer.requests if r.startswith("GET /lfs/")]


def test_texts_that_are_too_large_are_not_downloaded(hub, there, monkeypatch):
    monkeypatch.setattr(files_module, "LARGEST_TEXT", 1000)
    with pytest.raises(LoadError, match="and may have 1,000 at most"):
        load(there())
    assert not [r for r in hub.layer.requests if "tokenizer.json" in r]


def test_a_private_repository_opens_with_a_token_only(hub, there, ada, monkeypatch):
    hub.repo(there(repo_id="ada/tiny")).private = True
    load("ada/tiny")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(LoadError, match="is not on the Hub, or is private"):
        load("ada/tiny")


def test_a_gated_repository_says_where_to_ask(hub, there, ada):
    hub.repo(there()).gated = True
    with pytest.raises(LoadError, match=f"gated: ask for access at {hub.url}/eve/tiny"):
        load("eve/tiny")


def test_a_repository_that_is_not_there(hub):
    with pytest.raises(LoadError, match="eve/nothing is not on the Hub"):
        load("eve/nothing")


@pytest.fixture
def nobody(monkeypatch):
    """A port on which nobody answers."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    return url


@pytest.fixture
def silence(monkeypatch):
    """A Hub that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", url)
        yield url


@pytest.fixture
def drip(monkeypatch):
    """A Hub that answers one byte a second: no single wait is long."""
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b" " * 100:
                    try:
                        connection.sendall(bytes([byte]))
                    except OSError:
                        break
                    if stop.wait(1):
                        break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    yield url
    stop.set()
    server.close()
    thread.join(5)


def test_offline_with_a_warm_cache_it_starts_at_once(hub, there, monkeypatch):
    """No request at all: not even one that is refused."""
    warm = load(there())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.layer.requests.clear()
    assert equal(load("eve/tiny"), warm)
    assert not hub.layer.requests


def test_offline_with_a_cold_cache_it_says_so(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(LoadError, match="is not in the cache, and HF_HUB_OFFLINE is set"):
        load("eve/tiny")


def test_a_commit_in_the_cache_asks_nobody(hub, there):
    commit = hub.repo(there()).branches["main"].sha
    load(f"eve/tiny@{commit}")
    hub.layer.requests.clear()
    load(f"eve/tiny@{commit}")
    assert not hub.layer.requests


@pytest.mark.parametrize("trouble", ["nobody", "silence", "drip", "503"])
def test_a_hub_that_is_slow_or_down_is_told_within_seconds(
    hub, there, trouble, request, caplog, monkeypatch
):
    warm = load(there())
    monkeypatch.setattr(download, "SECONDS", 1)
    if trouble == "503":
        hub.break_for("eve", only=("503",), rate=1)
    else:
        request.getfixturevalue(trouble)
    started = time.monotonic()
    with caplog.at_level(logging.WARNING, logger="tinygpt_hf.download"):
        assert equal(load("eve/tiny"), warm)
    assert time.monotonic() - started < SECONDS
    assert "taking eve/tiny from the cache" in caplog.text
    started = time.monotonic()
    with pytest.raises(LoadError, match=r"eve/cold cannot be fetched: the Hub at http://127"):
        load("eve/cold")
    assert time.monotonic() - started < SECONDS


def test_a_download_that_stalls_is_told_and_waited_for(hub, there, caplog, monkeypatch):
    monkeypatch.setattr(download, "NOTICE", 0.5)  # a third of what the Hub keeps it waiting
    there()
    hub.break_for("eve", only=("stall",), rate=1, most=1, matching="GET /lfs/")
    with caplog.at_level(logging.WARNING, logger="tinygpt_hf.download"):
        load("eve/tiny")
    assert "waiting for model.safetensors of eve/tiny" in caplog.text


def test_half_a_download_is_not_taken_for_a_model(hub, there, monkeypatch):
    """The weights come last: a cache that lacks them is no model."""
    there()
    hub.break_for("eve", only=("500",), rate=1, matching="GET /lfs/")
    with pytest.raises(LoadError, match=r"model\.safetensors cannot be fetched"):
        load("eve/tiny")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(LoadError, match="is not in the cache"):
        load("eve/tiny")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    hub.heal("eve")
    load("eve/tiny")
