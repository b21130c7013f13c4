"""A model's files, read as untrusted: sizes are checked first, and only known fields are read."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import GenerationConfig, PreTrainedTokenizerFast

from .configuration_tinygpt import TinyGPTConfig
from .modeling_tinygpt import TinyGPTForCausalLM

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
NEEDED = (CONFIG, TOKENIZER, WEIGHTS)  # the weights last: once they are there, all are
OPTIONAL = ("generation_config.json", "tokenizer_config.json", "chat_template.jinja")
LARGEST_TEXT = 64_000_000  # bytes, of any file but the weights
# A stranger's config may ask for at most this many parameters (GPT-2 XL has 1.6 billion). The
# environment variable raises it on purpose; a config cannot.
MOST_PARAMETERS = 2_000_000_000
MOST_PARAMETERS_VARIABLE = "TINYGPT_MAX_PARAMETERS"
PARAMETERS_A_LAYER_COSTS = 1_000_000  # at least: modules take time and memory, however narrow
# What a generation_config.json may set: numbers.
GENERATION_FIELDS = (
    "do_sample",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "repetition_penalty",
    "max_new_tokens",
    "max_length",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)
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


class LoadError(ValueError):
    """One clear line: what was not opened, why, and the way out."""


def read_config(path: Path) -> TinyGPTConfig:
    """A config with TinyGPTConfig's own fields only, each checked. Refuses a model that is too
    large."""
    data = _read_json(path)
    kind = data.get("model_type")
    if kind != "tinygpt":
        own = " and code of its own, which is never run here" if "auto_map" in data else ""
        raise LoadError(
            f"its config says model_type {kind!r}{own}; only 'tinygpt' models are opened this way"
        )
    fields = TinyGPTConfig.__annotations__
    try:
        config = TinyGPTConfig(**{key: value for key, value in data.items() if key in fields})
        check_size(config)
    except Exception as error:  # StrictDataclassError is not a ValueError
        raise LoadError(f"its config.json is refused: {' '.join(str(error).split())}") from None
    return config


def check_size(config: TinyGPTConfig) -> None:
    """Refuses an absurd size before anything is allocated, naming the field that asks for it."""
    limit = int(os.environ.get(MOST_PARAMETERS_VARIABLE, MOST_PARAMETERS))
    width, inner = config.hidden_size, config.intermediate_size or 0
    matrices = 3 if config.hidden_act == "swiglu" else 2  # of an MLP
    layer = 4 * width**2 + matrices * width * inner
    asked = {
        "hidden_size": width**2,
        "vocab_size": config.vocab_size * width,
        "max_position_embeddings": config.max_position_embeddings * width,
        "intermediate_size": inner * width,
        "num_hidden_layers": config.num_hidden_layers * max(layer, PARAMETERS_A_LAYER_COSTS),
    }
    parts = ("vocab_size", "max_position_embeddings", "num_hidden_layers")
    biggest = max(parts, key=lambda name: asked[name])
    for name, numbers in [*asked.items(), (biggest, sum(asked[part] for part in parts))]:
        if numbers > limit:
            raise ValueError(
                f"{name} is {getattr(config, name)}: that takes about {numbers} parameters and "
                f"the limit is {limit} (the environment variable {MOST_PARAMETERS_VARIABLE} "
                "raises it)"
            )


def check_weights(folder: Path, config: TinyGPTConfig) -> None:
    """Refuses a pickle, an adapter, and weights that do not fit the config."""
    present = [path.name for path in folder.iterdir()]
    if WEIGHTS not in present:
        raise LoadError(lacks([WEIGHTS], present))
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


def read_tokenizer(folder: Path, config: TinyGPTConfig) -> PreTrainedTokenizerFast:
    if not (folder / TOKENIZER).is_file():
        raise LoadError(lacks([TOKENIZER], []))
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


def read_generation(folder: Path, config: TinyGPTConfig) -> GenerationConfig:
    path = folder / "generation_config.json"
    data = _read_json(path) if path.is_file() else {}
    ids = {key: getattr(config, key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    given = {key: data[key] for key in GENERATION_FIELDS if data.get(key) is not None}
    for key, value in given.items():
        if not all(isinstance(number, (bool, int, float)) for number in _as_list(value)):
            raise LoadError(f"its {path.name} sets {key} to {value!r}, which is not a number")
    return GenerationConfig(**(ids | given))


def _as_list(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def largest_weights(config: TinyGPTConfig) -> int:
    """Four bytes a number, and room for the header."""
    with torch.device("meta"):
        model = TinyGPTForCausalLM(config)
    return 4 * sum(parameter.numel() for parameter in model.parameters()) + 1_000_000


def lacks(lacking: list[str], present: list[str]) -> str:
    pickles = sorted(name for name in present if name.endswith((".bin", ".pt", ".pth", ".pkl")))
    if WEIGHTS in lacking and pickles:
        return (
            f"it has {pickles[0]}, a pickle, which can run code and is never opened; "
            f"its author can save it as {WEIGHTS}"
        )
    return f"it has no {', no '.join(lacking)}"


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


def _read(path: Path) -> str:
    if path.stat().st_size > LARGEST_TEXT:
        raise LoadError(f"its {path.name} is too large: {path.stat().st_size:,} bytes")
    return path.read_text(encoding="utf-8")
