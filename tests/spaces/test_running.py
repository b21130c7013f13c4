"""It waits for the very version that was sent, shows the log, and gives up in time."""

import http.server
import threading

import pytest

from tests.compare.servers import serve
from tests.hub.spaces import QUICK, Life, life_of
from training.hub.errors import PublishError


@pytest.fixture
def running(hub, ada, command):
    """A Space as it is right after a commit, seen by the one who waits for it."""
    from running import Running

    hub.store.create("space", "ada/page", sdk="gradio")
    said: list[str] = []
    from huggingface_hub import HfApi

    return Running(HfApi(), "ada/page", said.append), said


@pytest.fixture
def tells(hub, running):
    """Sets what the Hub tells of the Space; returns the commit that is waited for."""

    def tells(**facts) -> str:
        repo = hub.repo("ada/page", "space")
        vars(repo)["life"] = Life(**facts)
        life_of(repo).look(repo)  # it noticed the version before
        return repo.commit("main", {}, "Deploy the page").sha

    return tells


def test_stages_and_the_log_are_shown_as_they_come(running, tells):
    space, said = running
    commit = tells(build_log=["Installing torch", "Built"])
    space.wait(commit, new=True)
    assert [line.split()[-1] for line in said if " s: " in line] == list(QUICK)
    assert [line for line in said if " s: " not in line] == ["  Installing torch", "  Built"]


@pytest.mark.parametrize("tells_sha", [True, False])
def test_the_version_before_does_not_pass_for_the_new_one(hub, running, tells, tells_sha):
    space, _ = running
    repo = hub.repo("ada/page", "space")
    commit = tells(stale=3, tells_sha=tells_sha, running="of before")
    space.wait(commit, new=True)
    assert life_of(repo).running == commit


def test_an_error_of_the_version_before_is_not_told_of_the_new_one(running, tells):
    space, said = running
    commit = tells(stages=("RUNTIME_ERROR", *QUICK), running="of before")
    space.wait(commit, new=True)
    assert "RUNNING" in said[-1]


def test_where_nothing_changed_it_does_not_wait(hub, running):
    space, said = running
    vars(hub.repo("ada/page", "space"))["life"] = Life(stages=("RUNNING",))
    space.wait(hub.repo("ada/page", "space").at("main").sha, new=False)
    assert len(said) == 1


@pytest.mark.parametrize("stage", ["BUILD_ERROR", "CONFIG_ERROR"])
def test_a_failed_build_ends_with_its_log(running, tells, stage):
    space, said = running
    log = [f"line {i}" for i in range(50)]
    commit = tells(stages=("BUILDING", stage), build_log=log, error="no such package")
    with pytest.raises(PublishError, match=f"ends in {stage}, no such package: .*logs=build"):
        space.wait(commit, new=True)
    assert said[-1] == "  line 49"


def test_a_page_that_falls_over_ends_with_what_it_said(running, tells):
    space, said = running
    commit = tells(
        stages=("BUILDING", "APP_STARTING", "RUNTIME_ERROR"),
        run_log=["Traceback", "ModuleNotFoundError: no compare"],
        error="Exit code: 1",
    )
    with pytest.raises(PublishError, match=r"RUNTIME_ERROR, Exit code: 1: .*logs=container"):
        space.wait(commit, new=True)
    assert said[-1] == "  ModuleNotFoundError: no compare"


def test_a_token_in_a_log_is_not_shown(running, tells, ada):
    space, said = running
    space.wait(tells(build_log=[f"export HF_TOKEN={ada.token}"]), new=True)
    assert "  export HF_TOKEN=<token>" in said


def test_a_log_that_may_not_be_read_does_not_stop_the_wait(hub, running, tells):
    space, said = running
    hub.break_for("ada", only=("403",), rate=1, matching="/logs/")
    space.wait(tells(), new=True)
    assert "RUNNING" in said[-1]


def test_a_hub_that_stutters_is_asked_again(hub, running, tells):
    space, said = running
    hub.break_for("ada", only=("503", "cut-reply"), rate=0.5, seed=3, matching="/runtime")
    space.wait(tells(), new=True)
    assert "RUNNING" in said[-1]


def test_a_paused_space_is_left_to_its_owner(running, tells):
    """Starting it may cost money."""
    space, _ = running
    with pytest.raises(PublishError, match=r"ada/page is paused: start it at .*/spaces/ada/page"):
        space.wait(tells(stages=("PAUSED",)), new=False)


def test_there_is_a_limit_to_waiting(running, tells, monkeypatch):
    space, _ = running
    monkeypatch.setattr("running.BUILD_LIMIT", 0.2)
    with pytest.raises(PublishError, match=r"is still BUILDING after .* minutes: .*logs=build"):
        space.wait(tells(stages=("BUILDING",)), new=True)


@pytest.fixture(scope="module")
def page():
    """A page as a Space would serve it, with fakes for models."""
    with serve("-m", "tests.compare.fakes") as url:
        yield url


def test_the_page_is_asked_to_go_on_with_a_text(hub, running, page):
    space, _ = running
    life_of(hub.repo("ada/page", "space")).host = page
    assert space.ask().startswith(" that is the question")
    assert space.ask("shakespeare").startswith(" that is the question")


def test_a_page_that_plays_another_model_has_not_arrived(hub, running, page, monkeypatch):
    space, _ = running
    monkeypatch.setattr("running.ANSWER_LIMIT", 0)
    life_of(hub.repo("ada/page", "space")).host = page
    with pytest.raises(PublishError, match="plays shakespeare and not ada/tiny"):
        space.ask("ada/tiny")


@pytest.fixture
def stranger():
    """A server that is no page, and remembers what it was sent."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(str(self.headers))
            self.send_error(503)

        do_POST = do_GET

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


@pytest.mark.parametrize("private", [False, True])
def test_only_a_private_page_is_shown_the_token(hub, ada, running, stranger, monkeypatch, private):
    space, _ = running
    monkeypatch.setattr("running.ANSWER_LIMIT", 0)
    url, seen = stranger
    repo = hub.repo("ada/page", "space")
    repo.private, life_of(repo).host = private, url
    with pytest.raises(PublishError, match=f"{url} runs and does not answer"):
        space.ask()
    assert seen
    assert any(ada.token in headers for headers in seen) is private
