"""The forward pass in JavaScript is torch's, for every recipe's shape, GPT-2 and Llama."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from tests.browser.node import RefusedError, ask
from tests.tinygpt_hf import shapes
from tinygpt_hf.loading import load

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(
    path.parent.relative_to(ROOT / "checkpoints").as_posix()
    for path in (ROOT / "checkpoints").rglob("config.json")
)
CLOSE = 1e-4  # of the largest logit
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def save(model: PreTrainedModel, folder: Path, dtype: torch.dtype = torch.float16) -> Path:
    """The model as a file of this type, and its weights rounded to it."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.to(dtype).float())
    model.config.save_pretrained(folder)
    tied = set(model.all_tied_weights_keys)
    state = {k: v.to(dtype).contiguous() for k, v in model.state_dict().items() if k not in tied}
    save_file(state, folder / "model.safetensors")
    return folder


def foreign(kind: str) -> PreTrainedModel:
    torch.manual_seed(0)
    if kind == "gpt2":
        config = GPT2Config(
            vocab_size=31, n_positions=16, n_embd=24, n_layer=2, n_head=4, bos_token_id=0,
            eos_token_id=0, initializer_range=0.3,
        )  # fmt: skip
        return GPT2LMHeadModel(config).eval()
    config = LlamaConfig(
        vocab_size=31, hidden_size=24, intermediate_size=40, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=16,
        rope_parameters={"rope_type": "default", "rope_theta": 500.0}, initializer_range=0.3,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def expected(model: PreTrainedModel, ids: list[int], keep: int) -> torch.Tensor:
    """Torch's scores behind each of the last tokens, of a text of any length."""
    window = model.config.max_position_embeddings
    again = model.config.model_type == "gpt2" or getattr(
        model.config, "slides_by_recomputing", False
    )
    with torch.no_grad():
        if not again:
            return model(torch.tensor([ids]), use_cache=False).logits[0, -keep:]
        rows = [
            model(torch.tensor([ids[max(0, end - window) : end]]), use_cache=False).logits[0, -1]
            for end in range(len(ids) - keep + 1, len(ids) + 1)
        ]
    return torch.stack(rows)


def assert_close(ours: list, theirs: torch.Tensor) -> None:
    assert not isinstance(ours, RefusedError), ours
    difference = (torch.tensor(ours).view(theirs.shape) - theirs).abs().max()
    assert difference <= CLOSE * theirs.abs().max(), f"{difference} of {theirs.abs().max()}"


@pytest.mark.parametrize("name", shapes.ALL)
def test_every_shape_gives_torch_s_scores_whole_cached_and_past_the_window(tmp_path, name):
    model = shapes.make(shapes.ALL[name])
    folder = save(model, tmp_path)
    window = model.config.max_position_embeddings
    fits = shapes.tokens(model, 1, window)[0].tolist()
    ids = shapes.tokens(model, 1, 300)[0].tolist()
    whole, cached, long, pasted = ask(
        folder,
        {"ask": "whole", "ids": fits},
        {"ask": "cached", "ids": fits, "keep": window},
        {"ask": "cached", "ids": ids, "keep": len(ids)},
        {"ask": "cached", "ids": ids, "keep": 1},
    )
    assert_close(whole, expected(model, fits, window))
    assert_close(cached, expected(model, fits, window))
    theirs = expected(model, ids, len(ids))
    assert_close(long, theirs)
    assert_close(pasted, theirs[-1:])


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gpt2_and_llama_are_read_from_their_own_folders(tmp_path, kind, dtype):
    model = foreign(kind)
    folder = save(model, tmp_path, DTYPES[dtype])
    ids = torch.randint(0, 31, (16,), generator=torch.Generator().manual_seed(1)).tolist()
    whole, cached = ask(
        folder, {"ask": "whole", "ids": ids}, {"ask": "cached", "ids": ids, "keep": 16}
    )
    assert_close(whole, expected(model, ids, 16))
    assert_close(cached, expected(model, ids, 16))


def test_gpt2_without_the_prefix_of_its_names_and_with_its_masks_is_read_too(tmp_path):
    """So it lies on the Hub."""
    model = foreign("gpt2")
    folder = save(model, tmp_path)
    state = load_file(folder / "model.safetensors")
    state = {name.removeprefix("transformer."): tensor for name, tensor in state.items()}
    state["h.0.attn.bias"] = torch.ones(1, 1, 16, 16)
    save_file(state, folder / "model.safetensors")
    ids = list(range(16))
    (whole,) = ask(folder, {"ask": "whole", "ids": ids})
    assert_close(whole, expected(model, ids, 16))


@pytest.mark.parametrize("act", ["relu", "relu2", "gelu", "gelu_new", "swiglu"])
def test_every_activation(tmp_path, act):
    model = shapes.make(shapes.GPT2 | {"hidden_act": act})
    ids = shapes.tokens(model, 1, 16)[0].tolist()
    (whole,) = ask(save(model, tmp_path), {"ask": "whole", "ids": ids})
    assert_close(whole, expected(model, ids, 16))


@pytest.mark.parametrize("name", ["modern", "llama", "hello"])
def test_attention_and_the_stream_are_torch_s(tmp_path, name):
    model = shapes.make(shapes.ALL[name])
    folder = save(model, tmp_path)
    ids = shapes.tokens(model, 1, model.config.max_position_embeddings)[0].tolist()
    (seen,) = ask(folder, {"ask": "look", "ids": ids})
    with torch.no_grad():
        out = model(torch.tensor([ids]), output_attentions=True, output_hidden_states=True)
    for block, head, at, first, weights in seen["attention"]:
        row = out.attentions[block][0, head, at]
        assert torch.allclose(
            row[first : at + 1], torch.tensor(weights, dtype=row.dtype), atol=1e-5
        )
    embedded = model.model.embed_tokens(torch.tensor([ids]))[0]
    if name != "hello":  # there positions are added
        assert torch.allclose(torch.tensor(seen["streams"][0]).view(embedded.shape), embedded)
    before_last = out.hidden_states[-2][0]
    stream = torch.tensor(seen["streams"][-2]).view(before_last.shape)
    assert torch.allclose(stream, before_last, atol=1e-4 * float(before_last.abs().max()))


@pytest.fixture(scope="module")
def rounded(tmp_path_factory):
    """Shipped models with their weights rounded to 16 bits, as a page carries them."""

    def prepare(name: str):
        model, _ = load(name)
        return model, save(model, tmp_path_factory.mktemp("rounded"))

    return prepare


@pytest.mark.parametrize(
    "name",
    [
        "shakespeare",
        *(pytest.param(n, marks=pytest.mark.slow) for n in SHIPPED if n != "shakespeare"),
    ],
)
def test_shipped_models_give_torch_s_scores_and_greedy_texts(rounded, name):
    model, folder = rounded(name)
    window, vocabulary = model.config.max_position_embeddings, model.config.vocab_size
    ids = torch.randint(0, vocabulary, (300,), generator=torch.Generator().manual_seed(0)).tolist()
    keep = 8 if model.config.slides_by_recomputing and window > 64 else 300
    start = ids[:4]
    cached, greedy = ask(
        folder,
        {"ask": "cached", "ids": ids, "keep": keep},
        {"ask": "greedy", "ids": start, "count": 300},
    )
    assert_close(cached, expected(model, ids, keep))
    model.generation_config.eos_token_id = None
    with torch.no_grad():
        prompt = torch.tensor([start])
        theirs = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=300, do_sample=False
        )[0, 4:].tolist()
    # A new letter of `repeat` is drawn by lot, so two of them may be as likely: it is counted.
    assert greedy["close"] == ([0] if name == "repeat" else [])
    assert greedy["ids"] == theirs


def test_numbers_that_are_none_are_refused(tmp_path):
    model = shapes.make(shapes.MODERN)
    with torch.no_grad():
        model.lm_head.weight[3, 5] = float("nan")
    (answer,) = ask(save(model, tmp_path), {"ask": "open"})
    assert str(answer) == "this is no whole safetensors file: lm_head.weight holds NaN at place 77"


def write(folder: Path, header: bytes, body: bytes = b"", length: int | None = None) -> None:
    size = struct.pack("<Q", len(header) if length is None else length)
    (folder / "model.safetensors").write_bytes(size + header + body)


def entry(dtype: str, shape: list, begin: int, end: int) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


HOSTILE = {
    "empty": (None, b"", 0, "it ends before its header"),
    "a huge header": ({}, b"", 1 << 40, "its header would be 1,099,511,627,776 bytes long"),
    "a header that is no text": (b"\xff\xfe", b"", None, "its header is not JSON"),
    "a list": ([], b"", None, "its header is not an object"),
    "an unknown type": ({"a": entry("I64", [1], 0, 8)}, b"\0" * 8, None, "a is stored as I64"),
    "a prototype's name": ({"a": entry("toString", [1], 0, 8)}, b"\0" * 8, None, "stored as toStr"),
    "beyond the end": ({"a": entry("F32", [4], 0, 16)}, b"\0" * 8, None, "lies at 0 to 16 of 8"),
    "a negative size": ({"a": entry("F32", [-1], 0, 4)}, b"\0" * 4, None, "the entry of a is not"),
    "a huge size": ({"a": entry("F32", [2**52, 2**9], 0, 4)}, b"\0" * 4, None, "lies at 0 to 4"),
    "no offsets": ({"a": {"dtype": "F32", "shape": [1]}}, b"\0" * 4, None, "the entry of a is not"),
    "an overlap": (
        {"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 4, 12)},
        b"\0" * 12,
        None,
        "b begins at 4 and the one before it ends at 8",
    ),
    "a hole": ({"a": entry("F32", [1], 4, 8)}, b"\0" * 8, None, "a begins at 4"),
    "a tail": ({"a": entry("F32", [1], 0, 4)}, b"\0" * 8, None, "its tensors end at 4 of 8"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_gets_one_clear_line(tmp_path, case):
    header, body, length, line = HOSTILE[case]
    shapes.make(shapes.MODERN).config.save_pretrained(tmp_path)
    if header is None:
        (tmp_path / "model.safetensors").write_bytes(b"")
    else:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        write(tmp_path, text, body, length)
    (answer,) = ask(tmp_path, {"ask": "open"})
    assert isinstance(answer, RefusedError)
    assert answer.kind == "ModelError"
    assert line in str(answer)


CONFIGS = {
    "another model": ({"model_type": "bert"}, 'model_type "bert"'),
    "a million blocks": ({"num_hidden_layers": 10**6}, "model.layers.2.attn_norm"),
    "a width of a billion": ({"hidden_size": 10**9}, "should have [31,1000000000]"),
    "half a head": ({"num_attention_heads": 1.5}, "num_attention_heads 1.5"),
    "a kind of position": ({"position_embedding": "magic"}, 'position_embedding "magic"'),
    "a switch that is none": ({"residual": "yes"}, 'residual "yes"'),
    "another vocabulary": ({"vocab_size": 32}, "model.embed_tokens.weight has shape [31,24]"),
    "one block less": ({"num_hidden_layers": 1}, "nothing is asked of model.layers.1"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_config_that_does_not_fit_gets_one_clear_line(tmp_path, case):
    change, line = CONFIGS[case]
    folder = save(shapes.make(shapes.GPT2), tmp_path)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | change
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (answer,) = ask(folder, {"ask": "open"})
    assert isinstance(answer, RefusedError)
    assert answer.kind == "ModelError"
    assert line in str(answer)


def test_what_gpt2_can_be_told_and_we_cannot_do_is_refused(tmp_path):
    folder = save(foreign("gpt2"), tmp_path)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["scale_attn_by_inverse_layer_idx"] = True
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (answer,) = ask(folder, {"ask": "open"})
    assert "scale_attn_by_inverse_layer_idx true; only false" in str(answer)
    shutil.rmtree(folder)
