"""A visitor is lent a GPU for one call, and hears why where there is none."""

import json
import os
import pickle
import subprocess
import sys

import pytest

from compare.engine import zerogpu
from compare.values import Surprise

from .conftest import ROOT
from .lender import VISITOR, Lender, lending, on_zerogpu, real_package

CASES = ("where:lends", "where:3", "where:busy", "where:away", "fails:lends", "refuses:lends")


@pytest.fixture(scope="module")
def borrowed(tmp_path_factory) -> tuple[dict[str, dict], Lender]:
    """What came of each case in a process with the real package, and what the lender was asked."""
    package = real_package()
    with lending() as lender:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.spaces.borrower", *CASES],
            cwd=ROOT,
            env=os.environ
            | {"PYTHONPATH": str(package)}
            | on_zerogpu(lender, tmp_path_factory.mktemp("zerogpu")),
            capture_output=True,
            encoding="utf-8",
            timeout=600,
        )
    assert ended.returncode == 0, ended.stderr
    came: dict[str, dict] = {}
    for line in ended.stdout.splitlines():
        came |= json.loads(line) if line.startswith('{"') else {}
    return came, lender


def test_work_runs_in_a_process_of_its_own_where_no_thread_of_the_page_lives(borrowed):
    came, lender = borrowed
    (first, pid, threads), (second, same_pid, _) = came["where:lends"]["said"]
    assert (first, second) == ("hello", "hello!")
    assert pid == same_pid != came["where:lends"]["pid"]
    assert "decode" not in threads
    assert lender.asked[:3] == ["/schedule", "/allow", "/release"]
    assert lender.calls[2][1]["fail"] == "false"


def test_it_is_the_visitors_quota_and_no_more_than_was_asked_for(borrowed):
    _, lender = borrowed
    asked = lender.calls[0][1]
    assert asked["token"] == VISITOR
    assert int(asked["durationSeconds"]) == 7


def test_when_the_quota_is_gone_it_says_so_and_offers_the_processor(borrowed):
    came = borrowed[0]["where:3"]
    assert came["said"] == []
    assert came["refusal"].startswith("You have exceeded your ZeroGPU quota (")
    assert " Try again in 3:20:00. " in came["refusal"]
    assert came["refusal"].endswith(" The processor does the same, more slowly.")


def test_when_all_gpus_are_busy_it_says_so(borrowed):
    refusal = borrowed[0]["where:busy"]["refusal"]
    assert refusal.startswith("All GPUs are busy just now. The processor does")


def test_when_the_lender_is_away_it_says_so(borrowed):
    refusal = borrowed[0]["where:away"]["refusal"]
    assert refusal.startswith("The service that lends GPUs does not answer. The processor does")


def test_what_fails_on_the_gpu_is_told_without_details(borrowed):
    came, lender = borrowed
    assert came["fails:lends"]["said"] == ["hello"]
    refusal = came["fails:lends"]["refusal"]
    assert refusal.startswith("It failed on the GPU (ValueError). The processor does")
    assert ("/release", {"allowToken": "allowed", "fail": "true"}) in lender.calls


def test_a_refusal_of_the_work_itself_arrives_word_for_word(borrowed):
    assert borrowed[0]["refuses:lends"]["refusal"] == "hello is too long."


PROBE = """
from compare.engine import zerogpu
from compare.values import RefusedError
try:
    list(zerogpu.borrow(zerogpu.score, None, "hello", "hell"))
except RefusedError as refusal:
    print(zerogpu.INSTALLED, zerogpu.LENDS, refusal)
"""
NOTHING = "There is no GPU to borrow on this machine."


def probe(*flags: str, program: str = PROBE, **environment: str) -> str:
    """Runs a program where a folder named spaces/ lies."""
    ended = subprocess.run(
        [sys.executable, *flags, "-c", program],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_a_folder_of_that_name_is_not_taken_for_the_package():
    """Python finds it where nothing is installed, as it finds any folder."""
    found = "import spaces; print(spaces.__path__)"
    assert "spaces" in probe("-S", program=found, PYTHONPATH="")
    assert probe("-S", PYTHONPATH="", SPACES_ZERO_GPU="true") == f"False False {NOTHING}"


def test_off_zerogpu_the_package_lends_nothing():
    package = str(real_package())
    assert probe(PYTHONPATH=package, SPACES_ZERO_GPU="") == f"True False {NOTHING}"


def test_the_package_is_imported_whole_before_gradio_is():
    """Gradio reaches for it too, and imported by gradio first it gives up."""
    program = (
        "import sys; from compare.engine import zerogpu; print('gradio' in sys.modules); "
        "import gradio; "
        "print(gradio.blocks.spaces is sys.modules['spaces'], hasattr(gradio.blocks.spaces, 'GPU'))"
    )
    package = str(real_package())
    assert probe(program=program, PYTHONPATH=package, SPACES_ZERO_GPU="").split() == [
        "False",
        "True",
        "True",
    ]


class _Contestant:
    """Of a model that can be told where to compute."""

    def __init__(self, name: str) -> None:
        self.name, self.model, self.moved = name, self, None

    def to(self, device: str) -> None:
        self.moved = device

    def score(self, text: str) -> Surprise:
        assert self.moved == "cuda"
        return Surprise(2.5, len(text), [(text, 2.5)])


def test_score_loads_the_model_anew_on_the_gpu(monkeypatch):
    torch = pytest.importorskip("torch")
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    (surprise,) = zerogpu.score(_Contestant, "hello", "hell")
    assert (surprise.bits_per_byte, surprise.bytes) == (2.5, 4)
    assert threads == [1]


@pytest.mark.parametrize("sent", [zerogpu.score, ("hello", "hell"), Surprise(2.5, 4, [])])
def test_what_crosses_to_the_other_process_can_be_pickled(sent):
    assert pickle.loads(pickle.dumps(sent)) == sent
