"""The oldest and the pinned transformers give the same; older ones get one readable line."""

import re
import subprocess
from pathlib import Path

import pytest
import transformers
from transformers import DynamicCache, GenerationMixin

from tests.tinygpt_hf.shapes import ALL, make, tokens
from tinygpt_hf.modeling_tinygpt import CACHE

from .__main__ import run
from .environment import UnavailableError, newest, python_with

ROOT = Path(__file__).parents[2]


def found(file: str, pattern: str) -> str:
    match = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"))
    assert match, f"{file} names no version of transformers"
    return match.group(1)


OLDEST = found("pyproject.toml", r'"transformers>=([\d.]+),') + ".0"
PINNED = found("requirements.txt", r"transformers==([\d.]+)")


def run_or_skip(version: str, short: bool):
    try:
        return run(version, short)
    except UnavailableError as why:
        pytest.skip(f"no environment with transformers {version}: {why}")


@pytest.mark.parametrize("version", sorted({OLDEST, PINNED} - {transformers.__version__}))
@pytest.mark.timeout(600)
def test_a_minute_of_what_a_model_must_do(version):
    [outcome] = run_or_skip(version, short=True)
    assert not outcome.failed, str(outcome)  # what is installed runs the same tests by itself
    assert outcome.passed > 40


@pytest.mark.slow
@pytest.mark.parametrize("version", [OLDEST, PINNED])
@pytest.mark.timeout(3000)
def test_the_whole_of_it(version, capsys):
    for outcome in run_or_skip(version, short=False):
        with capsys.disabled():
            print(f"\n{outcome}")  # noqa: T201 (for who runs it)
        assert not outcome.failed
        assert outcome.passed > 300


LOADS = """
import sys
from transformers import AutoModelForCausalLM
try:
    AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=True)
except ImportError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("series", ["5.20", "4.57"])
@pytest.mark.timeout(600)
def test_an_older_version_is_told_which_one_is_needed(series, tmp_path):
    """By the first thing that the saved code does, not by a name that it lacks."""
    make(ALL["modern"]).save_pretrained(tmp_path / "model")
    try:
        version = newest(series)
        python = python_with(version)
    except UnavailableError as why:
        pytest.skip(f"no environment with transformers {series}: {why}")
    done = subprocess.run(
        [python, "-I", "-c", LOADS, tmp_path / "model"],
        env={"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    expected = f"TinyGPT needs transformers 5.23 or newer, and this is {version}"
    assert expected in done.stdout, done.stderr
    assert len(done.stdout.strip().splitlines()) == 1


@pytest.mark.versions
def test_a_cache_under_another_name_is_named():
    model = make(ALL["modern"])
    cache = DynamicCache(config=model.config)
    with pytest.raises(ValueError, match="kept holds a DynamicCache; TinyGPT takes its cache as"):
        model(tokens(model, 1, 3), kept=cache)

    class Foreign:
        def update(self, *args):
            raise AssertionError("never called")

        def get_seq_length(self):
            return 3

    with pytest.raises(ValueError, match="kept holds a Foreign"):
        model.model(tokens(model, 1, 3), kept=Foreign())
    with pytest.raises(ValueError, match="the cache is given twice"):
        model(tokens(model, 1, 3), cache=cache, past_key_values=cache)


def test_a_platform_that_renames_the_cache_once_more_is_an_error_and_no_text(monkeypatch):
    prepare = GenerationMixin.prepare_inputs_for_generation

    def renamed(self, *args, **kwargs):
        inputs = prepare(self, *args, **kwargs)
        return {("memory" if name == CACHE else name): value for name, value in inputs.items()}

    monkeypatch.setattr(GenerationMixin, "prepare_inputs_for_generation", renamed)
    model = make(ALL["modern"])
    with pytest.raises(ValueError, match="memory holds a DynamicCache"):
        model.generate(tokens(model, 1, 3), max_new_tokens=4, do_sample=False, pad_token_id=0)
