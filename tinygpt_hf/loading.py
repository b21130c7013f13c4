"""The safe way in: `load(name)` opens a folder, a model that ships with the project, or a Hub repo.

    load("runs/mine")                   a run, or one of its checkpoints
    load("shakespeare")                 checkpoints/shakespeare
    load("ada/shakespeare@step-500")    the Hub, at a branch, a tag or a commit

Only our own classes are used, whatever the files ask for: no code of the repository is run, no
pickle is opened, and only the config fields that we know are read. Sizes are checked before the
weights are downloaded. A cached model needs no network; if the Hub is slow or down, an error says
so within seconds.
"""

import logging
import re
from pathlib import Path

import torch
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from transformers import PreTrainedTokenizerFast

from .download import from_hub
from .files import (
    CONFIG,
    LoadError,
    check_weights,
    read_config,
    read_generation,
    read_tokenizer,
)
from .modeling_tinygpt import TinyGPTForCausalLM

__all__ = ["SHIPPED", "LoadError", "load", "resolve"]

_log = logging.getLogger(__name__)
SHIPPED = Path(__file__).parents[1] / "checkpoints"


def load(name: str | Path) -> tuple[TinyGPTForCausalLM, PreTrainedTokenizerFast]:
    """The model, in fp32 and ready to generate, and its tokenizer."""
    folder = resolve(name)
    try:
        config = read_config(folder / CONFIG)
        check_weights(folder, config)
        tokenizer = read_tokenizer(folder, config)
        model = TinyGPTForCausalLM.from_pretrained(
            folder,
            config=config,
            generation_config=read_generation(folder, config),
            use_safetensors=True,
            local_files_only=True,
            dtype=torch.float32,
        )
    except LoadError as error:
        raise LoadError(f"{name}: {error}") from None
    except Exception as error:  # an untrusted file may cause any error below
        reason = " ".join(str(error).split())
        raise LoadError(f"{name} does not load ({type(error).__name__}: {reason})") from error
    for part, weights in model.state_dict().items():
        if not weights.isfinite().all():
            _log.warning("%s: %s holds NaN or infinity; its output is meaningless", name, part)
            break
    return model.eval(), tokenizer


def resolve(name: str | Path) -> Path:
    """The folder that a name stands for; a Hub repo is downloaded into the cache first."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    name = str(name)
    if (SHIPPED / name / CONFIG).is_file() and ".." not in Path(name).parts:
        return SHIPPED / name
    repo_id, _, revision = name.partition("@")
    revision = revision or "main"
    try:
        validate_repo_id(repo_id)
    except HFValidationError:
        raise LoadError(_unknown(name)) from None
    if repo_id.count("/") != 1 or repo_id.startswith("."):
        raise LoadError(_unknown(name))
    if not re.fullmatch(r"\w[\w./-]*", revision) or ".." in revision:
        raise LoadError(f"{name}: {revision!r} is not a branch, a tag or a commit")
    try:
        return from_hub(repo_id, revision)
    except LoadError as error:
        if repo_id.startswith("runs/") or Path(repo_id).parent.is_dir():  # a folder was meant
            raise LoadError(f"there is no folder {name}, and on the Hub: {error}") from None
        raise


def _unknown(name: str) -> str:
    shipped = sorted(p.parent.relative_to(SHIPPED).as_posix() for p in SHIPPED.rglob(CONFIG))
    if not shipped:  # outside a clone
        return (
            f"{name!r} is neither a folder nor USER/NAME on the Hub; the models that ship with "
            "TinyGPT-HF are in its repository and not in the package: run from a clone of it"
        )
    return (
        f"{name!r} is neither a folder, nor a model that ships here ({', '.join(shipped)}), "
        "nor USER/NAME on the Hub"
    )
