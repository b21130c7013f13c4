"""The flags of `training.train`: ours, the model's fields, and every field of TrainingArguments.

Nothing heavy is imported at the top, so that `--help` answers at once.
"""

import argparse
import dataclasses
import typing
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from training.loop.settings import OUR_FIELDS, PLATFORM_DEFAULTS, Options, Settings
from training.recipes import reader

if TYPE_CHECKING:
    from transformers import TrainingArguments

# The recipe for your own text, by the shape that --arch asks for.
ARCHITECTURES = {"modern": "modern", "llama": "text-llama", "gpt2": "text-gpt2"}
# The packages of the trackers, where it is one with a plain name.
TRACKERS = {
    "clearml": "clearml",
    "codecarbon": "codecarbon",
    "comet_ml": "comet_ml",
    "dvclive": "dvclive",
    "mlflow": "mlflow",
    "swanlab": "swanlab",
    "tensorboard": "tensorboard",
    "trackio": "trackio",
    "wandb": "wandb",
}
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
    parser.add_argument(
        "--arch",
        choices=ARCHITECTURES,
        help="shape for your own text: modern learns most (default), llama and gpt2 run everywhere",
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
        conflict_handler="resolve",  # output_dir is a flag of both
        allow_abbrev=False,
    )
    for name, annotation in model_fields().items():
        add_flag(parser, name, annotation, "field of the model: see TinyGPTConfig", None)
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
        raise reader.BadRecipeError(f"unknown flag {unknown[0]}{reader.nearest(unknown[0], known)}")
    return {name: value for name, value in vars(given).items() if value is not absent}


def resolve(name: str, flags: dict[str, Any]) -> Settings:
    """The recipe with the flags over it, each value given to the part that takes it."""
    path = reader.find(name)
    content = reader.read(path)
    content.pop("about", None)
    shape = content.pop("model", {})
    text = content.pop("trained_on", None)
    ours = {f.name: f.type for f in OUR_FIELDS.values()}
    theirs, shapes = platform_fields(), model_fields()
    reader.check(content, ours | theirs, path.name)
    reader.check(shape, shapes, f"{path.name}, under model,")
    if (path.parent / content.get("tokenizer", "char") / "tokenizer.json").is_file():
        content["tokenizer"] = str(path.parent / content["tokenizer"])  # it came with the recipe
    values = content | shape | flags
    minutes = values.get("minutes")
    if minutes is not None and not minutes > 0:  # nor NaN
        raise reader.BadRecipeError(f"--minutes is {minutes}; it must be above 0")
    if not 0 <= (values.get("validation") or 0) < 1:
        raise reader.BadRecipeError(
            f"--validation is {values['validation']}; it is a share, below 1"
        )
    return Settings(
        name=name if name in reader.names() else path.stem,
        options=Options(**{k: v for k, v in values.items() if k in ours}),
        model={k: v for k, v in values.items() if k in shapes},
        platform=PLATFORM_DEFAULTS | {k: v for k, v in values.items() if k in theirs},
        given=set(flags),
        trained_on=text,
    )


def platform_arguments(values: dict[str, Any]) -> "TrainingArguments":
    """The folder of the run is not known yet: it is set later."""
    from transformers import TrainingArguments

    args = TrainingArguments(output_dir=".", **on_this_machine(values))
    check_trackers(args.report_to)
    return args


def check_trackers(names: Sequence[str]) -> None:
    """Suggests known packages only: a mistyped name may be that of a stranger's package."""
    from transformers.integrations import get_available_reporting_integrations
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            known = sorted(INTEGRATION_TO_CALLBACK)
            raise ValueError(
                f"--report_to {name}: there is no such tracker{reader.nearest(name, known)}; "
                f"there are {', '.join(known)}, all and none"
            )
        if name not in get_available_reporting_integrations():
            package = TRACKERS.get(name)
            hint = f" (pip install {package})" if package else ""
            raise ValueError(f"--report_to {name}: it is not installed{hint}")


def on_this_machine(values: dict[str, Any]) -> dict[str, Any]:
    """With bf16 where the machine multiplies it faster, and pinned memory where that helps."""
    import torch

    if values.get("hub_token"):  # it would be written into the run's folder
        raise ValueError("--hub_token is not accepted: set HF_TOKEN, or `hf auth login`")
    values = {"use_cpu": not torch.accelerator.is_available()} | values
    on_gpu = torch.cuda.is_available() and not values["use_cpu"]
    values.setdefault("dataloader_pin_memory", on_gpu)
    if not values.get("fp16"):
        fast = torch.cuda.is_bf16_supported() if on_gpu else values["use_cpu"] and cpu_has_bf16()
        values.setdefault("bf16", fast)
    return values


def cpu_has_bf16() -> bool:
    import torch

    # The public torch.cpu.get_capabilities is newer than the oldest torch that we support.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
