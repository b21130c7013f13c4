"""Whatever a stranger's files ask for, no code is run, no pickle opened, no path followed."""

import json
import pickle
import struct
import time

import pytest
import torch

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.files import GENERATION_FIELDS, check_size, read_config
from tinygpt_hf.loading import LoadError, load


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl"])
def test_a_pickle_is_never_opened(there, here, canary, name):
    evil = {"model.safetensors": None, name: pickle.dumps(Evil(canary))}
    for place in (there(evil), here(evil)):
        with pytest.raises(LoadError, match=f"{name}, a pickle, which can run code"):
            load(place)


def test_a_pickle_under_the_name_of_safetensors_is_not_opened(here, canary):
    with pytest.raises(LoadError, match="not a whole safetensors file"):
        load(here({"model.safetensors": pickle.dumps(Evil(canary))}))


def code(canary) -> bytes:
    return f"open({str(canary)!r}, 'w')\n".encode()


def test_code_of_its_own_is_not_run_and_not_downloaded(hub, there, here, canary, files):
    """A tinygpt repository brings its code along; `load` has its own."""
    config = json.loads(files["config.json"]) | {"auto_map": {"AutoConfig": "evil.Config"}}
    tokenizer = json.loads(files["tokenizer_config.json"])
    tokenizer["auto_map"] = {"AutoTokenizer": ["evil.Tokenizer", None]}
    evil = {
        "config.json": json.dumps(config).encode(),
        "tokenizer_config.json": json.dumps(tokenizer).encode(),
        "evil.py": code(canary),
        "modeling_tinygpt.py": code(canary),
        "configuration_tinygpt.py": code(canary),
        "custom_generate/generate.py": code(canary),
    }
    load(there(evil))
    assert not [r for r in hub.layer.requests if r.endswith(".py")]
    folder = here({k: v for k, v in evil.items() if "/" not in k})
    load(folder)


def test_a_model_of_another_kind_is_refused_with_its_code(there, canary, files):
    config = {"model_type": "evil", "auto_map": {"AutoModelForCausalLM": "evil.Model"}}
    evil = {"config.json": json.dumps(config).encode(), "evil.py": code(canary)}
    with pytest.raises(LoadError, match="'evil' and code of its own, which is never run here"):
        load(there(evil))
    with pytest.raises(LoadError, match=r"^eve/tiny: its config"):
        load("eve/tiny")


HOSTILE = {
    "not json": (b"{", "is not JSON"),
    "not an object": (b"[]", "not an object"),
    "not utf-8": (b"\xff\xfe", "does not load|is not JSON"),
    "too deep": (b"[" * 100_000, "is not JSON"),
    "no type": (b"{}", "model_type None"),
    "gpt2": ({"model_type": "gpt2"}, "model_type 'gpt2'"),
    "a list as type": ({"model_type": ["tinygpt"]}, "model_type"),
    "huge": ({"hidden_size": 10**9}, "hidden_size.* 1000000000"),
    "many layers": ({"num_hidden_layers": 10**9}, "num_hidden_layers.* 1000000000"),
    "negative": ({"vocab_size": -1}, "vocab_size is -1"),
    "zero heads": ({"num_attention_heads": 0}, "num_attention_heads is 0"),
    "a string": ({"hidden_size": "16"}, "refused"),
    "infinite": ({"layer_norm_eps": float("inf")}, "layer_norm_eps"),
    "not a number": ({"dropout": float("nan")}, "dropout"),
    "an unknown switch": ({"position_embedding": "evil"}, "position_embedding is 'evil'"),
    "another shape": ({"num_hidden_layers": 2}, "weights do not fit its config"),
    "fewer tokens": ({"vocab_size": 8}, "do not fit|its tokenizer has"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_config_is_refused_with_its_reason(here, files, case):
    config, reason = HOSTILE[case]
    if isinstance(config, dict):
        config = json.dumps(json.loads(files["config.json"]) | config).encode()
    with pytest.raises(LoadError, match=reason) as caught:
        load(here({"config.json": config}))
    assert "\n" not in str(caught.value)


ABSURD = {
    "hidden_size": 10_000_000,
    "vocab_size": 10_000_000_000,
    "max_position_embeddings": 10_000_000_000,
    "num_hidden_layers": 1_000_000_000,
    "intermediate_size": 10_000_000_000,
    "num_attention_heads": 10_000_000_000,
}


@pytest.mark.parametrize(("name", "size"), ABSURD.items())
@pytest.mark.parametrize("position", ["relative", "rotary", "none", "learned"])
def test_an_absurd_size_is_refused_before_anything_is_allocated(name, size, position, tmp_path):
    """In plain digits, and quickly."""
    asked = {"model_type": "tinygpt", "position_embedding": position, name: size}
    (tmp_path / "config.json").write_text(json.dumps(asked), encoding="utf-8")
    start = time.process_time()
    with pytest.raises(LoadError, match=f"{name} (is )?{size}"):
        read_config(tmp_path / "config.json")
    with pytest.raises(LoadError, match=f"{name} (is )?{size}"):
        load(tmp_path)
    assert time.process_time() - start < 1


def test_sizes_that_are_absurd_together_are_refused():
    config = TinyGPTConfig(hidden_size=8192, num_hidden_layers=48, num_attention_heads=64)
    with pytest.raises(ValueError, match="num_hidden_layers is 48"):
        check_size(config)


def test_gpt2_xl_is_within_the_limit():
    sizes = {"vocab_size": 50257, "hidden_size": 1600, "num_hidden_layers": 48}
    check_size(TinyGPTConfig(**sizes, num_attention_heads=25, max_position_embeddings=1024))


def test_the_limit_is_raised_on_purpose(monkeypatch):
    monkeypatch.setenv("TINYGPT_MAX_PARAMETERS", "100000000000")
    check_size(TinyGPTConfig(hidden_size=8192, num_hidden_layers=48, num_attention_heads=64))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "generation_config.json is not JSON"),
        (b"[]", "not an object"),
        (b'{"max_length": "evil"}', "sets max_length to 'evil', which is not a number"),
        (b'{"eos_token_id": ["evil"]}', "sets eos_token_id to"),
        (b'{"temperature": {}}', "sets temperature to"),
    ],
)
def test_a_hostile_generation_config_is_refused(here, content, reason):
    with pytest.raises(LoadError, match=reason):
        load(here({"generation_config.json": content}))


def test_of_a_generation_config_only_numbers_count(here, canary):
    evil = {
        "temperature": 0.5,
        "custom_generate": "eve/repo",
        "trust_remote_code": True,
        "cache_implementation": "evil",
        "assistant_model": "eve/repo",
    }
    model, _ = load(here({"generation_config.json": json.dumps(evil).encode()}))
    assert model.generation_config.temperature == 0.5
    kept = model.generation_config.to_diff_dict()
    assert set(kept) <= {"temperature", "transformers_version", *GENERATION_FIELDS}


def test_generation_goes_by_the_same_config_as_elsewhere(run_dir):
    ours, theirs = load(run_dir)[0], TinyGPTForCausalLM.from_pretrained(run_dir)
    for name in GENERATION_FIELDS:
        assert getattr(ours.generation_config, name) == getattr(theirs.generation_config, name)


def test_only_our_own_fields_of_a_config_count(here, files):
    """Each of these makes transformers import, download or replace something."""
    evil = {
        "_attn_implementation": "eve/kernel",
        "attn_implementation": "eve/kernel",
        "quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True},
        "dtype": "float16",
        "transformers_weights": "../../evil.bin",
        "auto_map": {"AutoModelForCausalLM": "eve/repo--evil.Model"},
        "architectures": ["Evil"],
        "_name_or_path": "eve/other",
    }
    config = json.dumps(json.loads(files["config.json"]) | evil).encode()
    model, _ = load(here({"config.json": config}))
    assert type(model) is TinyGPTForCausalLM
    assert model.dtype == torch.float32
    assert model.config._attn_implementation == "sdpa"


def test_a_path_that_leaves_the_folder_is_not_followed(here, files, tmp_path):
    """A tokenizer's and an index's file names are a stranger's words."""
    secret = json.loads(files["tokenizer.json"])
    secret["added_tokens"] = []
    (tmp_path / "tokenizer.9.9.9.json").write_text(json.dumps(secret), encoding="utf-8")
    (tmp_path / "secret.txt").write_text("a secret", encoding="utf-8")
    evil = json.loads(files["tokenizer_config.json"]) | {
        "fast_tokenizer_files": ["../tokenizer.9.9.9.json"],
        "tokenizer_file": "../tokenizer.9.9.9.json",
        "vocab_file": "../secret.txt",
        "chat_template_file": "../secret.txt",
        "init_inputs": ["../secret.txt"],
    }
    index = {"weight_map": {"lm_head.weight": "../../model.safetensors"}, "metadata": {}}
    folder = here(
        {
            "tokenizer_config.json": json.dumps(evil).encode(),
            "model.safetensors.index.json": json.dumps(index).encode(),
        }
    )
    _, tokenizer = load(folder)
    assert tokenizer.eos_token_id is not None
    assert tokenizer.chat_template is None


def test_weights_of_an_index_are_refused(here, files, tmp_path):
    (tmp_path / "outside.safetensors").write_bytes(files["model.safetensors"])
    index = {"weight_map": {"lm_head.weight": "../outside.safetensors"}, "metadata": {}}
    evil = {"model.safetensors": None, "model.safetensors.index.json": json.dumps(index).encode()}
    with pytest.raises(LoadError, match=r"has no model\.safetensors"):
        load(here(evil))


def test_an_adapter_is_refused(here):
    with pytest.raises(LoadError, match="adapter: merge it"):
        load(here({"adapter_config.json": b"{}"}))


def test_weights_that_lack_something_are_not_filled_up_at_random(here, files, tmp_path):
    from safetensors.torch import load as parse
    from safetensors.torch import save

    weights = parse(files["model.safetensors"])
    name = next(iter(weights))
    folder = here({"model.safetensors": save({k: v for k, v in weights.items() if k != name})})
    with pytest.raises(LoadError, match=f"{name} has shape none"):
        load(folder)


def test_a_header_that_lies_about_its_size_is_refused(here, files):
    lie = struct.pack("<Q", 2**40) + files["model.safetensors"][8:]
    with pytest.raises(LoadError, match="not a whole safetensors file"):
        load(here({"model.safetensors": lie}))


def test_a_tokenizer_that_knows_more_tokens_than_the_model_is_refused(here, files):
    options = json.loads(files["tokenizer_config.json"]) | {"extra_special_tokens": ["<|more|>"]}
    with pytest.raises(LoadError, match="tokens and its model only"):
        load(here({"tokenizer_config.json": json.dumps(options).encode()}))
