"""A recipe written from a run: every setting, so that anybody with the text can train it again."""

from pathlib import Path
from typing import Any

import yaml

FINE_TUNED = 0.2  # of a recipe's learning rates, where a run starts from a model that has learned
RATES = ("learning_rate", "muon_learning_rate", "embedding_learning_rate")
# What comes from a run's machine, folder or time, and not from its recipe.
_OF_THE_MACHINE = {
    "output_dir",
    "made_by",
    "minutes",
    "resume",
    "publish",
    "public",
    "fit",
    "use_cpu",
    "bf16",
    "fp16",
    "report_to",
    "log_level",
    "disable_tqdm",
    "num_train_epochs",
    "remove_unused_columns",
    "ddp_find_unused_parameters",
    "dataloader_pin_memory",
    "dataloader_num_workers",
}


def written(record: dict[str, Any], steps: int | None = None) -> str:
    """Of a run's record (run.json): the steps that it planned, or those that it made."""
    options, platform = dict(record["options"]), dict(record["platform"])
    facts = record.get("facts", {})
    if steps is not None and options.get("patience") is None:  # patience ends it there by itself
        platform["max_steps"] = steps
    values = options | platform
    values.setdefault("seed", facts.get("seed"))
    if options["init_from"] is not None:
        values |= {name: _before(values[name]) for name in RATES if values.get(name) is not None}
        values["init_from"] = facts.get("init_from", options["init_from"])
    values["tokenizer"] = _tokenizer(options["tokenizer"])
    if options["data"]:
        values["corpus"] = None  # else it would be used where no text is named
        values["data"] = [] if facts.get("text") else options["data"]
    kept = {
        name: value
        for name, value in values.items()
        if name not in _OF_THE_MACHINE and value is not None and value != []
    }
    shape = record["model"] if options["init_from"] is None else {}
    shape = shape or {k: v for k, v in record["model"].items() if k == "dropout"}
    recipe = {"about": f"{record['name']}, trained again"} | kept
    recipe |= {"model": shape} if shape else {}
    recipe |= {"trained_on": facts["text"]} if facts.get("text") else {}
    needed = " --data TEXT" if options["data"] and facts.get("text") else ""
    head = f"# python -m training.train recipe.yaml{needed}\n"
    return head + yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True)


def _before(rate: float) -> float:
    """As it was before it was made smaller, which the next run does again."""
    return float(f"{rate / FINE_TUNED:.12g}")


def _tokenizer(name: str) -> str:
    """A tokenizer that was named by a path on this machine is next to the recipe."""
    return "." if Path(name).exists() else name
