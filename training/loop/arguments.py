"""The flags of `training.train`: ours, the model's fields, and every field of TrainingArguments.

Only what this project adds is written down here; a field's documentation is its flag's help.
Nothing heavy is imported at the top, so that `--help` answers at once.
"""

import argparse
import dataclasses
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from training.recipes import reader


def option(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass
class Options:
    """What a run is, beyond the model's shape and the platform's TrainingArguments."""

    output_dir: str | None = option(
        None, "folder of the run (default: runs/ and the name of the recipe or text)"
    )
    data: list[str] = field(
        default_factory=list,
        metadata={
            "help": "text to train on: files, folders, patterns, .jsonl, or a data set of the Hub"
        },
    )
    made_by: str | None = option(None, "command that writes the data, said where it is missing")
    minutes: float | None = option(
        None, "time for the whole command; the number of steps follows from a short timing"
    )
    init_from: str | None = option(
        None, "model to start from: a run, a shipped name, a Hub repo[@revision], a GPT-2 or Llama"
    )
    resume: bool = option(False, "go on from the last whole checkpoint, bit for bit")
    publish: str | None = option(None, "USER/NAME on the Hub that every checkpoint is pushed to")
    prompt: str | None = option(None, "text that samples start from as training goes")
    save_at: list[int] = field(
        default_factory=list,
        metadata={"help": "keep a checkpoint at each of these steps"},
    )
    patience: int | None = option(
        None, "stop when this many evaluations in a row found no lower validation loss"
    )
    validation: float | None = option(
        None, "share of the text, its end, held back for validation (default: 0.1)"
    )
    tokenizer: str = option(
        "char", "char, bpe, a closed vocabulary (hello, next-char, minigpt) or a model's own"
    )
    bpe_size: int = option(4096, "vocabulary of a bpe tokenizer")
    corpus: str | None = option(
        None, "built-in text: hello, next-char, minigpt, repeat, or shakespeare (fetched once)"
    )
    examples: Literal["windows", "all", "lines", "chat"] = option(
        "windows", "windows drawn at random, all of them in order, lines, or chat"
    )
    text_column: str = option("text", "column of .jsonl files and data sets that holds the text")
    loss_on: Literal["all", "last"] = option("all", "positions of a window that are trained")
    fit: bool = option(False, "choose size, dropout and steps from the amount of text")
    muon_learning_rate: float | None = option(
        None, "train the matrices of the blocks with Muon at this rate, the rest with AdamW"
    )
    muon_momentum: float = option(0.95, "of Muon")
    embedding_learning_rate: float | None = option(
        None, "of the token and position tables (default: learning_rate)"
    )


OUR_FIELDS = {f.name: f for f in dataclasses.fields(Options)}

# What we set differently from the platform; a recipe or a flag has the last word.
PLATFORM_DEFAULTS: dict[str, Any] = {
    "report_to": "none",
    "log_level": "error",
    "logging_steps": 1,
    "logging_nan_inf_filter": False,  # it would hide a NaN behind the mean of earlier losses
    "eval_strategy": "steps",
    "eval_steps": 0.1,  # of the run
    "save_steps": 0.1,
    "save_total_limit": 2,
    "per_device_eval_batch_size": 32,
    "optim": "adamw_torch_fused",
    "max_grad_norm": 0.0,
    "use_cache": True,  # goes into the saved config; training itself never makes a cache
    "remove_unused_columns": False,  # batches are what the model takes
    "ddp_find_unused_parameters": False,  # there are none, and looking for them takes time
    "train_sampling_strategy": "sequential",  # the data set shuffles, from the seed alone
}


@dataclass
class Settings:
    """Everything a run depends on, and the names of the flags that were given."""

    name: str
    options: Options
    model: dict[str, Any]
    platform: dict[str, Any]
    given: set[str]


USAGE = "python -m training.train RECIPE|TEXT_FILE|FOLDER [flags]"


def make_parser(**kwargs: Any) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.train",
        usage=USAGE,
        description="Train a TinyGPT, on a recipe's text or on your own.",
        epilog="The model's fields (--hidden_size 64) and those of transformers' TrainingArguments "
        "(--learning_rate 0.001) are flags too: --help_all lists them.",
        argument_default=argparse.SUPPRESS,  # only what was given: the recipe supplies the rest
        allow_abbrev=False,
        **kwargs,
    )
    parser.add_argument(
        "recipe",
        nargs="?",
        help="a recipe's name or YAML file; or a text file or folder, which means `modern` on it",
    )
    parser.add_argument("--list", action="store_true", help="show the recipes")
    parser.add_argument("--help_all", action="store_true", help="show every flag")
    for f in OUR_FIELDS.values():
        add_flag(parser, f.name, f.type, f.metadata["help"], f.default)
    return parser


def make_full_parser() -> argparse.ArgumentParser:
    from transformers import HfArgumentParser, TrainingArguments

    parser = HfArgumentParser(
        TrainingArguments,
        prog="python -m training.train",
        usage=USAGE,
        parents=[make_parser(add_help=False)],
        conflict_handler="resolve",  # output_dir is ours and theirs
        allow_abbrev=False,
    )
    for name, annotation in model_fields().items():
        add_flag(parser, name, annotation, "of the model: see TinyGPTConfig", None)
    return parser


def add_flag(parser, name: str, annotation: Any, help: str, default: Any) -> None:
    choices = [t for t in typing.get_args(annotation) if t is not type(None)]
    if annotation is bool:
        yes_or_no = argparse.BooleanOptionalAction
        parser.add_argument(f"--{name}", action=yes_or_no, default=argparse.SUPPRESS, help=help)
        return
    if default not in (None, dataclasses.MISSING):
        help += f" (default: {default})"
    words = typing.get_origin(annotation) is Literal
    parser.add_argument(
        f"--{name}",
        type=str if words else choices[0] if choices else annotation,
        choices=choices if words else None,
        nargs="+" if typing.get_origin(annotation) is list else None,
        metavar=None if words else name.upper(),
        default=argparse.SUPPRESS,
        help=help,
    )


def model_fields() -> dict[str, Any]:
    """The fields of the model that a recipe may set; token ids come from the tokenizer."""
    from tinygpt_hf import TinyGPTConfig

    own = TinyGPTConfig.__annotations__
    taken = {"vocab_size", "pad_token_id", "bos_token_id", "eos_token_id", *platform_fields()}
    return {name: own[name] for name in own if name not in taken}


def platform_fields() -> dict[str, Any]:
    from transformers import TrainingArguments

    fields = typing.get_type_hints(TrainingArguments)
    names = [f.name for f in dataclasses.fields(TrainingArguments)]
    return {name: fields[name] for name in names if name != "output_dir"}


def parse(argv: Sequence[str]) -> dict[str, Any]:
    """The flags that were given, and nothing else."""
    # The platform's defaults must not look like choices: a flag replaces the mark it starts with.
    absent = object()
    start = argparse.Namespace(**dict.fromkeys([*platform_fields(), "output_dir"], absent))
    given, unknown = make_full_parser().parse_known_args(argv, start)
    if unknown:
        known = [f"--{name}" for name in (*OUR_FIELDS, *model_fields(), *platform_fields())]
        raise reader.BadRecipe(f"unknown flag {unknown[0]}{reader.nearest(unknown[0], known)}")
    return {name: value for name, value in vars(given).items() if value is not absent}


def resolve(name: str, flags: dict[str, Any]) -> Settings:
    """The recipe under the flags, each value to the one that takes it."""
    path = reader.find(name)
    content = reader.read(path)
    content.pop("about", None)
    shape = content.pop("model", {})
    ours = {f.name: f.type for f in OUR_FIELDS.values()}
    theirs, shapes = platform_fields(), model_fields()
    reader.check(content, ours | theirs, path.name)
    reader.check(shape, shapes, f"{path.name}, under model,")
    values = content | shape | flags
    minutes = values.get("minutes")
    if minutes is not None and not minutes > 0:  # nor NaN
        raise reader.BadRecipe(f"--minutes is {minutes}; it must be above 0")
    if not 0 <= (values.get("validation") or 0) < 1:
        raise reader.BadRecipe(f"--validation is {values['validation']}; it is a share, below 1")
    return Settings(
        name=name if name in reader.names() else path.stem,
        options=Options(**{k: v for k, v in values.items() if k in ours}),
        model={k: v for k, v in values.items() if k in shapes},
        platform=PLATFORM_DEFAULTS | {k: v for k, v in values.items() if k in theirs},
        given=set(flags),
    )
