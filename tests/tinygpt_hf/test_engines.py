"""Engines with attention of their own take no mask: a model is equal there, or it refuses."""

from pathlib import Path

import pytest
import torch
import yaml
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from tests.tinygpt_hf.engines import Engine, SGLang
from tests.tinygpt_hf.shapes import ABSOLUTE, ALL, make, tokens
from tinygpt_hf import TinyGPTConfig

RECIPES = Path(__file__).parents[2] / "training" / "recipes"
SMALLER = {
    "vocab_size": 31,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "max_position_embeddings": 16,
}


def recipes():
    """The shape of every recipe, small: a head is 4 wide, and recipes that are one then are one."""
    known = []
    for path in sorted(RECIPES.rglob("*.yaml")):
        fields = yaml.safe_load(path.read_text(encoding="utf-8")).get("model") or {}
        smaller = {name: min(fields.get(name, size), size) for name, size in SMALLER.items()}
        smaller["hidden_size"] = 4 * fields.get("num_attention_heads", 4)
        small = TinyGPTConfig(**{**fields, **smaller, "zero_init": False}).to_dict()
        if small not in known:
            known.append(small)
            yield f"recipe {path.stem}", small


SHAPES = ALL | dict(recipes())
shapes = pytest.mark.parametrize("fields", SHAPES.values(), ids=SHAPES)
engines = pytest.mark.parametrize("engine_of", [Engine, SGLang], ids=["vllm", "sglang"])


def is_equal(model, texts, logits) -> bool:
    for text, ids in texts.items():
        whole = model(torch.tensor([ids])).logits[0, -1]
        if (logits[text] - whole).abs().max() > 1e-4 * max(1.0, whole.abs().max().item()):
            return False
    return True


def serve(model, engine, steps):
    """Three texts read at once, then token by token, one of them joining late."""
    first = {"a": [3], "b": [1, 4, 2], "c": [2, 2]}
    texts = {name: list(ids) for name, ids in first.items()}
    assert is_equal(model, texts, engine.read(first))
    for step in range(steps):
        new = {
            name: [(step * 7 + len(ids)) % model.config.vocab_size] for name, ids in texts.items()
        }
        if step == 0:
            new["d"] = [4, 1]
        for name, ids in new.items():
            texts.setdefault(name, []).extend(ids)
        assert is_equal(model, {name: texts[name] for name in new}, engine.read(new))


@shapes
@engines
@torch.no_grad()
def test_up_to_the_window_every_shape_is_equal_or_refused(fields, engine_of):
    model = make(fields)
    engine = engine_of(model)
    within = model.config.max_position_embeddings - 3
    if model.config.position_embedding == "relative":
        with pytest.raises(ValueError, match=f"{engine.name!r} is not known to add the mask"):
            serve(model, engine, within)
    else:
        serve(model, engine, within)


@shapes
@engines
@torch.no_grad()
def test_past_the_window_no_shape_is_silently_different(fields, engine_of):
    """Absolute positions end there; what slides by mask is refused where nothing slides."""
    model = make(fields)
    beyond = model.config.max_position_embeddings + 3
    if model.config.num_hidden_layers == 0:
        serve(model, engine_of(model), beyond)  # a bigram looks at one token
        return
    with pytest.raises(ValueError, match=r"window|not known to add the mask"):
        serve(model, engine_of(model), beyond)


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in ABSOLUTE])
@torch.no_grad()
def test_past_the_window_an_engine_that_slides_as_we_do_is_equal(name):
    model = make(SHAPES[name])
    kind, window = model.config.position_embedding, model.config.max_position_embeddings
    if kind not in ("rotary", "none") or not model.config.num_hidden_layers:
        pytest.skip("nothing slides here: see the tests above")
    serve(model, Engine(model, window), window + 8)
    with pytest.raises(ValueError, match=f"slides over {window} tokens"):
        serve(model, Engine(model, window + 1), window + 8)


@torch.no_grad()
def test_a_prompt_longer_than_the_window_is_refused_at_once():
    model = make(ALL["llama"])
    with pytest.raises(ValueError, match="which this text is longer than"):
        Engine(model).read({"a": list(range(17))})


@torch.no_grad()
def test_padding_is_refused_where_no_mask_is_taken():
    model = make(ALL["llama"])
    Engine(model)
    model.set_attn_implementation(Engine.name)
    mask = torch.tensor([[0, 1, 1], [1, 1, 1]])
    with pytest.raises(ValueError, match="attention_mask would be ignored"):
        model(tokens(model, 2, 3), attention_mask=mask)


class Sliding:
    sliding_window = 16


@torch.no_grad()
def test_a_compiled_model_is_not_silently_different_either():
    """It cannot look at positions; the engine's window is no value of a tensor, and suffices."""
    ALL_ATTENTION_FUNCTIONS.register("plain", lambda module, q, k, v, mask, **kwargs: (v, None))
    model = make(ALL["llama"] | {"num_key_value_heads": 4})
    model.set_attn_implementation("plain")
    compiled = torch.compile(model.model, fullgraph=True, backend="eager")
    text = {"input_ids": tokens(model, 1, 9), "position_ids": torch.arange(9)[None]}
    with pytest.raises(torch._dynamo.exc.Unsupported, match="Observed exception"):
        compiled(**text, use_cache=False)
    compiled(**text, use_cache=False, attention_instances={0: Sliding(), 1: Sliding()})
