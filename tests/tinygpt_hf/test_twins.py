"""A twin computes the same logits with the same weights, both ways, and says when there is none."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.twins import from_gpt2, from_llama, to_gpt2, to_llama

NO_IDS = {"bos_token_id": None, "eos_token_id": None}
GPT2_SHAPES = {
    "plain": {"n_embd": 32, "n_layer": 2, "n_head": 4},
    "untied": {"n_embd": 24, "n_layer": 3, "n_head": 2, "tie_word_embeddings": False},
    "wide MLP": {"n_embd": 16, "n_layer": 1, "n_head": 1, "n_inner": 80},
    "relu": {"n_embd": 48, "n_layer": 2, "n_head": 3, "activation_function": "relu"},
    "loose norm": {"n_embd": 64, "n_layer": 4, "n_head": 4, "layer_norm_epsilon": 1e-3},
}
LLAMA_SHAPES = {
    "plain": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
    "grouped": {
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
    },
    "one key head, tied": {
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 1,
        "tie_word_embeddings": True,
    },
    "biases, far base": {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "attention_bias": True,
        "mlp_bias": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0},
    },
}


def shaken(model):
    """Random everywhere: with gains of 1 and biases of 0 a forgotten one would not show."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


def assert_same_function(ours, theirs, window=24):
    ids = torch.randint(0, 61, (3, window))
    mask = torch.ones_like(ids)
    mask[1, :5] = 0  # a left-padded row
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
    with torch.no_grad():
        a, b = ours(**inputs).logits[mask.bool()], theirs(**inputs).logits[mask.bool()]
    assert (a - b).abs().max() < 1e-5 * max(1.0, b.abs().max())
    assert a.std() > 0.1


def gpt2(**shape):
    config = GPT2Config(vocab_size=61, n_positions=24, **(NO_IDS | shape))
    return shaken(GPT2LMHeadModel(config))


def llama(**shape):
    config = LlamaConfig(
        vocab_size=61, max_position_embeddings=24, intermediate_size=56, **(NO_IDS | shape)
    )
    return shaken(LlamaForCausalLM(config))


@pytest.mark.parametrize("shape", GPT2_SHAPES.values(), ids=GPT2_SHAPES)
def test_gpt2_both_ways(shape):
    theirs = gpt2(**shape)
    ours = from_gpt2(theirs)
    assert_same_function(ours, theirs)
    back = to_gpt2(ours)
    assert back.config.n_inner == ours.config.intermediate_size
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(tensor, back.state_dict()[name]), name


@pytest.mark.parametrize("shape", LLAMA_SHAPES.values(), ids=LLAMA_SHAPES)
def test_llama_both_ways(shape):
    theirs = llama(**shape)
    ours = from_llama(theirs)
    assert_same_function(ours, theirs)
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(tensor, to_llama(ours).state_dict()[name]), name


@pytest.mark.parametrize("fields", [{}, {"norm_type": "bare"}, {"bias": False}], ids=str)
def test_a_model_born_here_leaves_as_gpt2(fields):
    fields = {"norm_type": "layer", "bias": True} | fields
    config = TinyGPTConfig(
        vocab_size=61,
        hidden_size=32,
        max_position_embeddings=24,
        position_embedding="learned",
        hidden_act="gelu_new",
        **fields,
    )
    ours = shaken(TinyGPTForCausalLM(config))
    assert_same_function(ours, to_gpt2(ours))


@pytest.mark.parametrize("leave", [to_gpt2, to_llama])
def test_the_folder_of_a_twin_needs_no_remote_code(leave, tmp_path):
    ours = from_gpt2(gpt2(n_embd=32, n_layer=2, n_head=4)) if leave is to_gpt2 else None
    ours = ours or from_llama(llama(**LLAMA_SHAPES["grouped"]))
    leave(ours).save_pretrained(tmp_path)
    assert not list(tmp_path.glob("*.py"))
    assert_same_function(ours, AutoModelForCausalLM.from_pretrained(tmp_path))


def test_the_twin_shares_no_memory_with_its_source():
    theirs = gpt2(n_embd=32, n_layer=2, n_head=4)
    ours = from_gpt2(theirs)
    with torch.no_grad():
        ours.model.embed_tokens.weight.zero_()
    assert theirs.transformer.wte.weight.abs().sum() > 0


def test_the_twin_keeps_dtype_and_mode():
    theirs = gpt2(n_embd=32, n_layer=2, n_head=4).to(torch.bfloat16).train()
    ours = from_gpt2(theirs)
    assert ours.dtype == torch.bfloat16
    assert ours.training


@pytest.mark.parametrize(
    ("leave", "fields", "named"),
    [
        (to_gpt2, {}, "position_embedding is 'relative'"),
        (to_gpt2, {"position_embedding": "learned"}, "hidden_act is 'relu2'"),
        (to_gpt2, {"position_embedding": "learned", "norm_position": "after"}, "norm_position"),
        (
            to_gpt2,
            {"position_embedding": "learned", "hidden_act": "relu", "head_bias": True},
            "head",
        ),
        (to_llama, {}, "position_embedding is 'relative'"),
        (to_llama, {"position_embedding": "rotary"}, "norm_type is 'bare'"),
        (to_llama, {"position_embedding": "rotary", "norm_type": "rms"}, "hidden_act is 'relu2'"),
    ],
)
def test_a_model_without_a_twin_says_which_setting_prevents_it(leave, fields, named):
    model = TinyGPTForCausalLM(TinyGPTConfig(vocab_size=9, hidden_size=8, **fields))
    with pytest.raises(ValueError, match=named):
        leave(model)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (lambda: from_gpt2(gpt2(scale_attn_by_inverse_layer_idx=True, n_embd=24)), "inverse_layer"),
        (lambda: from_gpt2(gpt2(activation_function="silu", n_embd=24)), "activation_function"),
        (lambda: from_llama(llama(hidden_act="gelu", **LLAMA_SHAPES["plain"])), "hidden_act"),
        (lambda: from_llama(llama(head_dim=4, **LLAMA_SHAPES["plain"])), "head_dim is 4"),
    ],
)
def test_a_stranger_that_does_not_fit_is_refused_by_name(model, named):
    with pytest.raises(ValueError, match=named):
        model()


def test_special_ids_outside_the_vocabulary_become_none():
    """GPT2Config's defaults are 50256, whatever the vocabulary."""
    theirs = GPT2LMHeadModel(GPT2Config(vocab_size=61, n_embd=16, n_layer=1, n_head=1))
    with pytest.warns(UserWarning, match="eos_token_id 50256: outside the vocabulary of 61"):
        ours = from_gpt2(theirs)
    assert ours.config.eos_token_id is None
    assert ours.generation_config.eos_token_id is None
