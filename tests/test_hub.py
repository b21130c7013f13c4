"""The loopback Hub answers the real client as the Hub would; what the other tests stand on."""

import os
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

WEIGHTS = os.urandom(300_000)


@pytest.fixture
def repo(hub):
    hub.store.put("model", "bob/tiny", {"README.md": b"Bob's", "model.safetensors": WEIGHTS})
    return hub.repo("bob/tiny")


def test_this_process_can_reach_no_other_hub(hub):
    assert hub.url == constants.ENDPOINT
    assert HfApi().endpoint == hub.url


def test_a_revision_is_a_branch_a_tag_or_a_commit(hub, repo):
    old = repo.branches["main"].sha
    repo.tags["v1"] = repo.branches["main"]
    hub.store.put("model", "bob/tiny", {"README.md": b"newer"})
    read = {
        revision: Path(hf_hub_download("bob/tiny", "README.md", revision=revision)).read_bytes()
        for revision in ("main", "v1", old)
    }
    assert read == {"main": b"newer", "v1": b"Bob's", old: b"Bob's"}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: hf_hub_download("bob/nothing", "README.md"), RepositoryNotFoundError),
        (lambda: hf_hub_download("bob/tiny", "nothing.md"), RemoteEntryNotFoundError),
        (lambda: hf_hub_download("bob/tiny", "README.md", revision="v9"), RevisionNotFoundError),
        (lambda: HfApi().model_info("bob/tiny", revision="v9"), RevisionNotFoundError),
    ],
)
def test_what_is_not_there_has_an_error_of_its_own(repo, call, error):
    with pytest.raises(error):
        call()


def test_a_private_repository_exists_for_its_owner_alone(hub, repo, ada, monkeypatch):
    repo.private = True
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download("bob/tiny", "README.md")
    hub.account("bob", "hf_" + "b" * 34)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "b" * 34)
    hf_hub_download("bob/tiny", "README.md")


def test_a_gate_lets_visitors_in_by_name(repo, ada):
    repo.gated = True
    with pytest.raises(GatedRepoError):
        hf_hub_download("bob/tiny", "README.md")
    repo.visitors.add("ada")
    hf_hub_download("bob/tiny", "README.md")


@pytest.mark.parametrize("account", [{"role": "read"}, {"expired": True}])
def test_who_may_not_write_is_refused(hub, ada, account):
    hub.account(ada.name, ada.token, **account)
    with pytest.raises(HfHubHTTPError) as caught:
        HfApi().create_repo("ada/tiny")
    assert caught.value.response.status_code in (401, 403)


def test_large_files_come_from_another_host_that_sees_no_token(hub, repo, ada):
    repo.private = False
    path = hf_hub_download("bob/tiny", "model.safetensors")
    assert Path(path).read_bytes() == WEIGHTS
    assert any(request.startswith("GET /lfs/") for request in hub.layer.requests)


def test_a_download_that_was_cut_goes_on_where_it_stopped(hub, repo):
    cut = hub.break_for("bob", only=("cut-reply",), rate=1, most=2, matching="GET /lfs/", seed=3)
    path = hf_hub_download("bob/tiny", "model.safetensors")
    assert Path(path).read_bytes() == WEIGHTS
    assert len(cut.happened) == 2
    assert len([line for line in hub.layer.requests if line.startswith("GET /lfs/")]) == 3


def test_what_happens_is_decided_by_the_seed(hub, repo):
    def fates(seed):
        plan = hub.break_for("bob", rate=0.5, seed=seed)
        return [plan.choose("GET /bob/tiny/resolve/main/README.md") for _ in range(30)]

    assert fates(1) == fates(1) != fates(2)
