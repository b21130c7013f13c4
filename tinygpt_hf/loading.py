"""One safe way in: `load(name)` opens a folder, a model that ships with the project, or a Hub repo.

    load("runs/mine")                   a run, or one of its checkpoints
    load("shakespeare")                 checkpoints/shakespeare
    load("ada/shakespeare@step-500")    the Hub, at a branch, a tag or a commit

Only our own classes are used, whatever the files ask for: no code of the repository is run, no
pickle is opened, and of its configs only the fields that we know are read. Sizes are checked before
the weights are downloaded. A cached model needs no network; a Hub that is slow or down is said to
be so within seconds.
"""

import json
import logging
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi, ModelInfo, constants, hf_hub_download, is_offline_mode
from huggingface_hub import try_to_load_from_cache as cached
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import validate_repo_id
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedTokenizerFast

from .configuration_tinygpt import TinyGPTConfig
from .modeling_tinygpt import TinyGPTForCausalLM

SHIPPED = Path(__file__).parents[1] / "checkpoints"
SECONDS = 5  # that the Hub has to say what it holds
CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
NEEDED = (CONFIG, TOKENIZER, WEIGHTS)  # the weights last: who has them has everything
OPTIONAL = ("generation_config.json", "tokenizer_config.json", "chat_template.jinja")
LARGEST_TEXT = 64_000_000  # bytes, of any file but the weights
# What a tokenizer_config.json may set. The vocabulary itself is in tokenizer.json.
TOKENIZER_FIELDS = (
    "bos_token",
    "eos_token",
    "unk_token",
    "pad_token",
    "extra_special_tokens",
    "model_max_length",
    "model_input_names",
    "padding_side",
    "truncation_side",
    "clean_up_tokenization_spaces",
    "split_special_tokens",
    "chat_template",
)
_log = logging.getLogger(__name__)


class LoadError(ValueError):
    """One clear line: what was not opened, why, and the way out."""


def load(name: str | Path) -> tuple[TinyGPTForCausalLM, PreTrainedTokenizerFast]:
    """The model, in fp32 and ready to generate, and its tokenizer."""
    folder = resolve(name)
    try:
        config = read_config(folder / CONFIG)
        _check_weights(folder, config)
        tokenizer = _tokenizer(folder, config)
        model = TinyGPTForCausalLM.from_pretrained(
            folder, config=config, use_safetensors=True, local_files_only=True, dtype=torch.float32
        )
    except LoadError as error:
        raise LoadError(f"{name}: {error}") from None
    except Exception as error:  # a stranger's file may make any layer below complain
        reason = " ".join(str(error).split())
        raise LoadError(f"{name} does not load ({type(error).__name__}: {reason})") from error
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
    return _from_hub(repo_id, revision)


def read_config(path: Path) -> TinyGPTConfig:
    """A config in which nothing counts but TinyGPTConfig's own fields, each of them checked."""
    data = _read_json(path)
    kind = data.get("model_type")
    if kind != "tinygpt":
        own = " and code of its own, which is never run here" if "auto_map" in data else ""
        raise LoadError(
            f"its config says model_type {kind!r}{own}; only 'tinygpt' models are opened this way"
        )
    fields = TinyGPTConfig.__annotations__
    try:
        return TinyGPTConfig(**{key: value for key, value in data.items() if key in fields})
    except Exception as error:  # StrictDataclassError is no ValueError
        raise LoadError(f"its config.json is refused: {' '.join(str(error).split())}") from None


def _from_hub(repo_id: str, revision: str) -> Path:
    here = _in_cache(repo_id, revision)
    if here and (is_offline_mode() or re.fullmatch("[0-9a-f]{40}", revision)):
        return here
    if is_offline_mode():
        raise LoadError(f"{repo_id}@{revision} is not in the cache, and HF_HUB_OFFLINE is set")
    try:
        info = _in_thread(lambda: _ask(repo_id, revision), _give_up)
    except RevisionNotFoundError:
        raise LoadError(f"{repo_id} has no branch, tag or commit {revision!r}") from None
    except RepositoryNotFoundError:
        raise LoadError(
            f"{repo_id} is not on the Hub, or is private and this token does not open it"
        ) from None
    except Exception as error:
        if here is None:
            raise LoadError(f"{repo_id} cannot be fetched: {_trouble(error)}") from error
        _log.warning("%s; taking %s from the cache", _trouble(error), repo_id)
        return here
    sizes = {file.rfilename: file.size for file in info.siblings or []}
    folder = _download(repo_id, str(info.sha), sizes)
    if _in_cache(repo_id, revision) != folder:
        # Asking by name writes down what the name stands for now: offline, it is looked up there.
        with suppress(OSError):
            hf_hub_download(repo_id, CONFIG, revision=revision, etag_timeout=SECONDS)
    return folder


def _ask(repo_id: str, revision: str) -> ModelInfo:
    return HfApi().model_info(repo_id, revision=revision, files_metadata=True, timeout=SECONDS)


def _download(repo_id: str, commit: str, sizes: dict[str, int | None]) -> Path:
    """Only the files that are needed, small ones first, each refused if it is too large."""
    if lacking := [name for name in NEEDED if name not in sizes]:
        raise LoadError(f"{repo_id}: {_lacks(lacking, list(sizes))}")
    folder = Path()
    for name in (*OPTIONAL, *NEEDED):
        if name not in sizes:
            continue
        largest = LARGEST_TEXT
        if name == WEIGHTS:
            largest = _largest_weights(repo_id, read_config(folder / CONFIG))
        if (sizes[name] or 0) > largest:
            raise LoadError(
                f"{repo_id}: its {name} has {sizes[name]:,} bytes, and may have {largest:,} at most"
            )
        folder = _fetch(repo_id, name, commit).parent
    return folder


def _fetch(repo_id: str, name: str, commit: str) -> Path:
    def call() -> str:
        return hf_hub_download(repo_id, name, revision=commit, etag_timeout=SECONDS)

    try:
        return Path(_in_thread(call, lambda: _log.warning("waiting for %s of %s", name, repo_id)))
    except GatedRepoError:
        ask = f"ask for access at {constants.ENDPOINT}/{repo_id}, then log in"
        raise LoadError(f"{repo_id} is gated: {ask}") from None
    except Exception as error:
        raise LoadError(f"{repo_id}: {name} cannot be fetched: {_trouble(error)}") from error


def _largest_weights(repo_id: str, config: TinyGPTConfig) -> int:
    """Four bytes a number, and room for the header."""
    with torch.device("meta"):
        model = TinyGPTForCausalLM(config)
    return 4 * sum(parameter.numel() for parameter in model.parameters()) + 1_000_000


def _in_cache(repo_id: str, revision: str) -> Path | None:
    paths = [cached(repo_id, name, revision=revision) for name in NEEDED]
    return Path(str(paths[0])).parent if all(isinstance(path, str) for path in paths) else None


def _check_weights(folder: Path, config: TinyGPTConfig) -> None:
    """Refuses what would surprise: a pickle, an adapter, weights that do not fit the config."""
    present = [path.name for path in folder.iterdir()]
    if WEIGHTS not in present:
        raise LoadError(_lacks([WEIGHTS], present))
    if "adapter_config.json" in present:
        raise LoadError("it is an adapter: merge it into its model first")
    with torch.device("meta"):
        model = TinyGPTForCausalLM(config)
    wanted = {name: list(value.shape) for name, value in model.state_dict().items()}
    tied = set(model.all_tied_weights_keys)
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as weights:
            found = {name: list(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118 (no dict)
    except SafetensorError as error:
        raise LoadError(f"its {WEIGHTS} is not a whole safetensors file: {error}") from None
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name) and not (name in tied and name not in found):
            raise LoadError(
                f"its weights do not fit its config: {name} has shape {found.get(name, 'none')}, "
                f"and should have {wanted.get(name, 'none')}"
            )


def _tokenizer(folder: Path, config: TinyGPTConfig) -> PreTrainedTokenizerFast:
    if not (folder / TOKENIZER).is_file():
        raise LoadError(_lacks([TOKENIZER], []))
    _read_json(folder / TOKENIZER)
    options: dict[str, Any] = {}
    if (folder / "tokenizer_config.json").is_file():
        options = _read_json(folder / "tokenizer_config.json")
    if (folder / "chat_template.jinja").is_file():
        options["chat_template"] = _read(folder / "chat_template.jinja")
    kept = {key: options[key] for key in TOKENIZER_FIELDS if key in options}
    kept = PreTrainedTokenizerFast.convert_added_tokens(kept)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / TOKENIZER), **kept)
    if len(tokenizer) > config.vocab_size:
        raise LoadError(
            f"its tokenizer has {len(tokenizer)} tokens and its model only {config.vocab_size}"
        )
    return tokenizer


def _read(path: Path) -> str:
    if path.stat().st_size > LARGEST_TEXT:
        raise LoadError(f"its {path.name} is too large: {path.stat().st_size:,} bytes")
    return path.read_text(encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise LoadError(f"it has no {path.name}: is it a finished run?")
    try:
        data = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise LoadError(f"its {path.name} is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise LoadError(f"its {path.name} is not an object of JSON")
    return data


def _lacks(lacking: list[str], present: list[str]) -> str:
    pickles = sorted(name for name in present if name.endswith((".bin", ".pt", ".pth", ".pkl")))
    if WEIGHTS in lacking and pickles:
        return (
            f"it has {pickles[0]}, a pickle, which can run code and is never opened; "
            f"its author can save it as {WEIGHTS}"
        )
    return f"it has no {', no '.join(lacking)}"


def _unknown(name: str) -> str:
    shipped = sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))
    return (
        f"{name!r} is neither a folder, nor a model that ships here "
        f"({', '.join(shipped) or 'there are none'}), nor USER/NAME on the Hub"
    )


def _trouble(error: Exception) -> str:
    where = constants.ENDPOINT
    if isinstance(error, HfHubHTTPError):
        return f"the Hub at {where} answers {error.response.status_code}"
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"the Hub at {where} cannot be reached ({reason})"


def _give_up() -> None:
    raise TimeoutError(f"no answer within {SECONDS} seconds")


def _in_thread(call: Callable[[], Any], when_slow: Callable[[], None]) -> Any:
    """The client's timeouts are between two bytes, and it retries: this one is for the whole."""
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["value"] = call()
        except Exception as error:
            outcome["error"] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    if thread.is_alive():
        when_slow()
        thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]
