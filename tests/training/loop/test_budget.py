"""Size, dropout and repeats follow from the text and the time; the time is kept."""

import itertools
import json
from pathlib import Path

import pytest
import torch
from transformers import TrainerCallback

from training.loop import budget, prepare
from training.loop.arguments import resolve
from training.loop.budget import find_machine, make_plan, parameters
from training.train import main

FLOPS = 4e11  # of two cores in bf16


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGPT_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("seconds", [None, 30, 120, 1200])
def test_more_text_is_never_a_smaller_model_nor_more_repeats(seconds):
    sizes = [2e3, 2e4, 2e5, 1e6, 2e7, 2e9, float("inf")]
    plans = [make_plan(size, seconds, FLOPS) for size in sizes]
    for smaller, larger in itertools.pairwise(plans):
        assert smaller.depth <= larger.depth
        assert smaller.passes >= larger.passes
        same = smaller.passes == larger.passes  # then only the size of the model decides
        assert smaller.dropout <= larger.dropout if same else smaller.passes > larger.passes
    assert plans[0].passes <= 10
    assert all(0 <= plan.dropout < 0.3 for plan in plans)
    assert all(plan.width % plan.heads == 0 for plan in plans)


def test_more_time_is_never_a_smaller_model():
    depths = [make_plan(2e7, seconds, FLOPS).depth for seconds in (10, 60, 300, 1200, 36_000)]
    assert depths == sorted(depths)
    assert depths[0] < depths[-1]


def test_the_validation_split_holds_two_windows_and_does_not_grow_without_end():
    for size in (200, 2e3, 2e4, 2e6, 2e9):
        plan = make_plan(size, None, FLOPS)
        assert 2 * plan.window <= plan.validation * size or plan.window == 8
        assert plan.validation * size <= 200_001


def test_the_count_of_parameters_is_that_of_the_model():
    from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM

    plan = make_plan(1e6, None, FLOPS)
    config = TinyGPTConfig(
        vocab_size=1,
        hidden_size=plan.width,
        intermediate_size=3 * plan.width,
        num_hidden_layers=plan.depth,
        num_attention_heads=plan.heads,
        position_embedding="none",
    )
    with torch.device("meta"):
        blocks = TinyGPTForCausalLM(config).model.layers
    assert sum(p.numel() for p in blocks.parameters()) == parameters(plan.depth)


def test_the_speed_of_this_machine_is_a_number_of_its_size():
    assert 1e8 < find_machine({"use_cpu": True, "bf16": False}).speed() < 1e14


class Hours:
    """Time that passes when it is looked at, a little, and when a step is made, as much as is said:
    what else the machine does is no matter. Stands in for the module `time`."""

    def __init__(self, monkeypatch, *modules: str):
        self.now = 1000.0
        for module in modules:
            monkeypatch.setattr(f"{module}.time", self)

    def time(self) -> float:
        self.now += 1e-4
        return self.now

    perf_counter = monotonic = time


class Slow(TrainerCallback):
    """A machine that takes its time: steps of a tenth of a second."""

    def __init__(self, hours: Hours):
        self.hours = hours

    def on_step_begin(self, args, state, control, **kwargs):
        self.hours.now += 0.1


def write_text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{n} bottles of beer\n" for n in range(3000)), encoding="utf-8")
    return path


FEW = ["--num_hidden_layers", "1", "--hidden_size", "16", "--num_attention_heads", "2"]
FEW += ["--intermediate_size", "16", "--disable_tqdm", "true", "--save_strategy", "no"]


def test_the_time_is_kept_on_a_machine_that_slows_down(tmp_path, monkeypatch, capsys):
    """Steps are counted at full speed; the run still ends in time, with the best model kept."""
    loop = ("training.loop.prepare", "training.loop.callbacks", "training.loop.trainer")
    hours = Hours(monkeypatch, "training.train", *loop)
    path, run = write_text(tmp_path), tmp_path / "run"
    began = hours.now
    flags = ["--output_dir", str(run), "--minutes", "0.2", "--num_train_epochs", "1000", *FEW]
    assert main([str(path), *flags], callbacks=[Slow(hours)]) == 0
    assert 12 - 3 - 0.2 < hours.now - began < 12
    assert "out of time at step" in capsys.readouterr().err
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["val_loss"] > 0


def test_the_number_of_steps_is_recorded_and_kept(tmp_path, capsys):
    path, run = write_text(tmp_path), tmp_path / "run"
    flags = ["--output_dir", str(run), "--minutes", "0.2", *FEW]
    assert main([str(path), *flags]) == 0
    steps = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["steps"]
    recorded = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert recorded["platform"]["max_steps"] >= steps > 1
    assert recorded["model"]["hidden_size"] == 16  # a flag has the last word


def test_no_time_at_all_is_said(tmp_path, capsys):
    path, run = write_text(tmp_path), tmp_path / "run"
    assert main([str(path), "--output_dir", str(run), "--minutes", "0.02", *FEW]) == 1
    assert "give more --minutes" in capsys.readouterr().err
    assert not run.exists()


@pytest.mark.parametrize(
    ("chosen", "each", "seconds", "often"),
    [
        (None, 0.0, 20, 1 / 10),
        (None, 1.0, 20, 1 / 2),  # a sixth of the time for one, and two there have to be
        (None, 1.0, 60, 1 / 7),
        (0.1, 1.0, 20, 0.1),  # as the recipe has it, whatever it costs
        (40.0, 1.0, 60, 40.0),
    ],
)
def test_evaluations_are_counted_in_the_time(chosen, each, seconds, often):
    """A step takes 0.1 s here, and an evaluation what it is said to."""
    rest = budget.for_steps(seconds)
    found = chosen or budget.how_often(rest, each)
    assert found == pytest.approx(often)
    steps = budget.steps_within(rest, 0.1, each, found)
    evaluations = 1 / found if found < 1 else steps / found
    assert steps * 0.1 + evaluations * each == pytest.approx(0.93 * (seconds - 3), abs=0.2)


@pytest.mark.parametrize(
    ("recipe", "flags", "chosen"),
    [
        ("modern", {}, False),
        ("modern", {"eval_steps": 0.1}, True),  # the default, but asked for
        ("chat", {}, True),  # the recipe says how often
    ],
)
def test_who_says_how_often_to_evaluate_is_heard(recipe, flags, chosen):
    assert prepare.evaluations_chosen(resolve(recipe, flags)) is chosen


def test_timing_leaves_the_run_as_it_was(tmp_path, monkeypatch):
    """The same steps with and without a budget give the same model, bit for bit."""
    from safetensors.torch import load_file

    path = write_text(tmp_path)
    monkeypatch.setattr(budget, "steps_within", lambda *times: 5)  # the timing itself happens
    flags = [str(path), *FEW, "--dropout", "0.1", "--max_position_embeddings", "16", "--no-fit"]
    for name, more in (("timed", ["--minutes", "1"]), ("plain", ["--max_steps", "5"])):
        assert main([*flags, "--output_dir", str(tmp_path / name), *more]) == 0
    timed, plain = (load_file(tmp_path / n / "model.safetensors") for n in ("timed", "plain"))
    assert all(timed[name].equal(plain[name]) for name in plain)
