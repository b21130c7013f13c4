"""The flags of `training.train`: ours, the model's fields, and every field of TrainingArguments.

Only what this project adds is written down here; a field's documentation is its flag's help.
Nothing heavy is imported, so that `--help` answers at once.
"""

import argparse
import dataclasses
import types
import typing
from dataclasses import dataclass, field
from typing import Any


def option(default: Any, help: str, **metadata: Any) -> Any:
    metadata = {"help": help, **metadata}
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass
class Options:
    """What a run is, beyond the model's shape and the platform's TrainingArguments."""

    output_dir: str | None = option(
        None, "folder of the run (default: runs/ and the name of the recipe or text)"
    )
    data: list[str] = option(
        [], "text to train on: files, folders, globs, .jsonl, or data sets of the Hub", nargs="+"
    )
    text_column: str = option("text", "column of .jsonl files and data sets that holds the text")
    minutes: float | None = option(
        None, "time budget for the whole command; the number of steps follows from a short timing"
    )
    init_from: str | None = option(
        None, "MODEL to start from: a run, a shipped name, a Hub repo[@revision], a GPT-2 or Llama"
    )
    resume: bool = option(False, "go on from the last complete checkpoint, bit for bit")
    publish: str | None = option(None, "USER/NAME on the Hub to push every checkpoint to")
    save_at: list[int] = option([], "also keep a checkpoint at these steps, for ever", nargs="+")
    patience: int | None = option(
        None, "stop when the validation loss has not fallen for this many evaluations"
    )
    prompt: str | None = option(None, "text that samples start from")
    tokenizer: str = option("char", "char, bpe, a seed's closed vocabulary, or a MODEL's")
    bpe_size: int = option(4096, "vocabulary of a bpe tokenizer that is trained here")
    corpus: str | None = option(None, "built-in text: hello, next-char, minigpt or shakespeare")
    examples: str = option(
        "windows", "windows (drawn at random), all (every window), lines or chat"
    )
    loss_on: str = option("all", "all positions, the last one, or the answers of a chat")
    validation: float = option(0.1, "share of the text, at its end, held back for validation")
    muon_learning_rate: float | None = option(
        None, "train the blocks' matrices with Muon at this rate; the rest stays with AdamW"
    )
    muon_momentum: float = option(0.95, "of Muon")
    embedding_learning_rate: float | None = option(
        None, "of the token and position tables (default: learning_rate)"
    )


OUR_FIELDS = {f.name: f for f in dataclasses.fields(Options)}

# What we set differently from the platform; a recipe or a flag has the last word.
PLATFORM_DEFAULTS: dict[str, Any] = {
    "report_to": "none",
    "logging_steps": 10,
    "logging_nan_inf_filter": False,  # the filter hides a NaN behind the mean of earlier losses
    "eval_strategy": "steps",
    "eval_steps": 0.1,
    "save_steps": 0.1,
    "save_total_limit": 2,
    "remove_unused_columns": False,  # batches are already what the model takes
    "max_grad_norm": 0.0,
    "weight_decay": 0.0,
    "optim": "adamw_torch_fused",
    "per_device_eval_batch_size": 32,
    "train_sampling_strategy": "sequential",  # the data set itself shuffles, from the seed alone
    "log_level": "error",
}


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.train",
        description="Train a TinyGPT on a recipe's text or on your own.",
        epilog="Fields of the model (--hidden_size 64) and of transformers' TrainingArguments "
        "(--learning_rate 0.001) are flags too: --help_all lists them.",
        argument_default=argparse.SUPPRESS,  # only what was given: the recipe supplies the rest
        allow_abbrev=False,
    )
    parser.add_argument(
        "recipe",
        nargs="?",
        help="a recipe's name or YAML file; or a text file or folder, which means `modern` on it",
    )
    parser.add_argument("--list", action="store_true", help="show the recipes and leave")
    parser.add_argument("--help_all", action="store_true", help="show every flag and leave")
    for f in OUR_FIELDS.values():
        add_flag(parser, f)
    return parser


def add_flag(parser: argparse.ArgumentParser, f: dataclasses.Field) -> None:
    kind = plain_type(f.type)
    help = f.metadata["help"]
    if kind is bool:
        parser.add_argument(f"--{f.name}", action=argparse.BooleanOptionalAction, help=help)
        return
    shown = "" if f.default in (None, dataclasses.MISSING) else f" (default: {f.default})"
    parser.add_argument(
        f"--{f.name}",
        type=kind,
        nargs=f.metadata.get("nargs"),
        metavar=f.name.upper(),
        help=help + shown,
    )


def plain_type(annotation: Any) -> type:
    """`int` for `int | None` and for `list[int]`."""
    if isinstance(annotation, types.UnionType):
        return next(t for t in typing.get_args(annotation) if t is not type(None))
    if typing.get_origin(annotation) is list:
        return typing.get_args(annotation)[0]
    return annotation
