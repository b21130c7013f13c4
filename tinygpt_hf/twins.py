"""Twins: the same function as a Hugging Face GPT-2 or Llama, weights copied both ways.

A model that enters (`from_gpt2`, `from_llama`) can be fine-tuned and looked into like any TinyGPT;
one that leaves (`to_gpt2`, `to_llama`) needs no remote code and is read by vLLM, llama.cpp and MLX.
A model that has no twin is refused, naming the setting that prevents it.
"""

import warnings

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from .configuration_tinygpt import TinyGPTConfig
from .modeling_tinygpt import TinyGPTForCausalLM

_SPECIAL_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")
_GPT2_ACTS = ("relu", "gelu", "gelu_new")
State = dict[str, torch.Tensor]


def from_gpt2(model: GPT2LMHeadModel) -> TinyGPTForCausalLM:
    """The TinyGPT that computes what this GPT-2 computes."""
    theirs = model.config
    _need(theirs, "activation_function", *_GPT2_ACTS)
    _need(theirs, "scale_attn_weights", True)
    for name in (
        "scale_attn_by_inverse_layer_idx",
        "reorder_and_upcast_attn",
        "add_cross_attention",
    ):
        _need(theirs, name, False)
    ours = TinyGPTConfig(
        vocab_size=theirs.vocab_size,
        hidden_size=theirs.n_embd,
        intermediate_size=theirs.n_inner,
        num_hidden_layers=theirs.n_layer,
        num_attention_heads=theirs.n_head,
        max_position_embeddings=theirs.n_positions,
        position_embedding="learned",
        norm_type="layer",
        layer_norm_eps=theirs.layer_norm_epsilon,
        hidden_act=theirs.activation_function,
        bias=True,
        tie_word_embeddings=theirs.tie_word_embeddings,
        dropout=theirs.resid_pdrop,
        initializer_range=theirs.initializer_range,
        embedding_range=theirs.initializer_range,
        **_special_ids(theirs),
    )
    return _filled(TinyGPTForCausalLM, ours, _gpt2_to_tiny(model.state_dict()), model)


def to_gpt2(model: TinyGPTForCausalLM) -> GPT2LMHeadModel:
    """The GPT-2 that computes what this TinyGPT computes, or a ValueError with the reason."""
    ours = model.config
    _need(ours, "mixer", "attention")
    _need(ours, "position_embedding", "learned")
    _need(ours, "norm_position", "before")
    _need(ours, "norm_type", "layer", "bare")
    _need(ours, "residual", True)
    _need(ours, "hidden_act", *_GPT2_ACTS)
    _need(ours, "head_bias", False)
    _need(ours, "num_key_value_heads", ours.num_attention_heads)
    _need_an_mlp(ours)
    theirs = GPT2Config(
        vocab_size=ours.vocab_size,
        n_positions=ours.max_position_embeddings,
        n_embd=ours.hidden_size,
        n_inner=ours.intermediate_size,
        n_layer=ours.num_hidden_layers,
        n_head=ours.num_attention_heads,
        activation_function=ours.hidden_act,
        layer_norm_epsilon=ours.layer_norm_eps,
        resid_pdrop=ours.dropout,
        embd_pdrop=ours.dropout,
        attn_pdrop=0.0,
        initializer_range=ours.initializer_range,
        tie_word_embeddings=ours.tie_word_embeddings,
        **_special_ids(ours),
    )
    return _filled(GPT2LMHeadModel, theirs, _tiny_to_gpt2(model.state_dict(), ours), model)


def from_llama(model: LlamaForCausalLM) -> TinyGPTForCausalLM:
    """The TinyGPT that computes what this Llama computes."""
    theirs = model.config
    rope = theirs.rope_parameters
    if rope.get("rope_type", "default") != "default":
        raise ValueError(
            f"rope_parameters has rope_type {rope['rope_type']!r}; only 'default' fits"
        )
    _need(theirs, "hidden_act", "silu")
    _need(theirs, "head_dim", theirs.hidden_size // theirs.num_attention_heads)
    _need(theirs, "mlp_bias", theirs.attention_bias)
    ours = TinyGPTConfig(
        vocab_size=theirs.vocab_size,
        hidden_size=theirs.hidden_size,
        intermediate_size=theirs.intermediate_size,
        num_hidden_layers=theirs.num_hidden_layers,
        num_attention_heads=theirs.num_attention_heads,
        num_key_value_heads=theirs.num_key_value_heads,
        max_position_embeddings=theirs.max_position_embeddings,
        position_embedding="rotary",
        rope_theta=rope["rope_theta"],
        norm_type="rms",
        layer_norm_eps=theirs.rms_norm_eps,
        hidden_act="swiglu",
        bias=theirs.attention_bias,
        tie_word_embeddings=theirs.tie_word_embeddings,
        initializer_range=theirs.initializer_range,
        embedding_range=theirs.initializer_range,
        **_special_ids(theirs),
    )
    return _filled(
        TinyGPTForCausalLM, ours, _renamed(model.state_dict(), _reversed(_TINY_TO_LLAMA)), model
    )


def to_llama(model: TinyGPTForCausalLM) -> LlamaForCausalLM:
    """The Llama that computes what this TinyGPT computes, or a ValueError with the reason."""
    ours = model.config
    _need(ours, "mixer", "attention")
    _need(ours, "position_embedding", "rotary")
    _need(ours, "norm_position", "before")
    _need(ours, "norm_type", "rms")
    _need(ours, "residual", True)
    _need(ours, "hidden_act", "swiglu")
    _need(ours, "head_bias", False)
    _need_an_mlp(ours)
    theirs = LlamaConfig(
        vocab_size=ours.vocab_size,
        hidden_size=ours.hidden_size,
        intermediate_size=ours.intermediate_size,
        num_hidden_layers=ours.num_hidden_layers,
        num_attention_heads=ours.num_attention_heads,
        num_key_value_heads=ours.num_key_value_heads,
        max_position_embeddings=ours.max_position_embeddings,
        rope_parameters={"rope_type": "default", "rope_theta": ours.rope_theta},
        rms_norm_eps=ours.layer_norm_eps,
        attention_bias=ours.bias,
        mlp_bias=ours.bias,
        tie_word_embeddings=ours.tie_word_embeddings,
        initializer_range=ours.initializer_range,
        **_special_ids(ours),
    )
    return _filled(LlamaForCausalLM, theirs, _renamed(model.state_dict(), _TINY_TO_LLAMA), model)


FROM_TWIN = {"gpt2": from_gpt2, "llama": from_llama}
TO_TWIN = {"gpt2": to_gpt2, "llama": to_llama}


def to_twin(model: TinyGPTForCausalLM, kind: str) -> PreTrainedModel:
    """The twin of the named kind; a ValueError says why, if this model has none."""
    try:
        return TO_TWIN[kind](model)
    except ValueError as error:
        raise ValueError(f"this model has no {kind} twin: {error}") from None


def _need(config, name: str, *allowed) -> None:
    value = getattr(config, name)
    if value not in allowed:
        fits = " or ".join(repr(choice) for choice in allowed)
        raise ValueError(f"{name} is {value!r}; the twin needs {fits}")


def _need_an_mlp(config: TinyGPTConfig) -> None:
    if not config.intermediate_size:
        raise ValueError("intermediate_size is 0; the twin needs an MLP in every block")


def _special_ids(config) -> dict[str, int | list[int] | None]:
    """As in the other config; those outside the vocabulary (GPT2Config's defaults) become None."""
    ids, lost = {}, []
    for name in _SPECIAL_IDS:
        value = getattr(config, name)
        listed = value if isinstance(value, list) else [value]
        inside = [token for token in listed if token is None or 0 <= token < config.vocab_size]
        if inside != listed:
            lost.append(f"{name} {value}")
        ids[name] = (inside or None) if isinstance(value, list) else (inside or [None])[0]
    if lost:
        outside = f"outside the vocabulary of {config.vocab_size} and now None"
        warnings.warn(f"{' and '.join(lost)}: {outside}", stacklevel=3)
    return ids


def _filled(cls, config, state: State, source: PreTrainedModel):
    """A model of the other class with these weights, in the source's dtype, device and mode."""
    twin = cls._from_config(config, dtype=source.dtype)
    twin.load_state_dict(state)
    return twin.to(source.device).train(source.training)


# Names that are the same on both sides are not listed.
_TINY_TO_LLAMA = {
    "attn_norm": "input_layernorm",
    "mlp_norm": "post_attention_layernorm",
    "attn": "self_attn",
}
_TINY_TO_GPT2 = {
    "model.embed_tokens": "transformer.wte",
    "model.embed_positions": "transformer.wpe",
    "model.norm": "transformer.ln_f",
    "model.layers": "transformer.h",
    "attn_norm": "ln_1",
    "mlp_norm": "ln_2",
    "attn.o_proj": "attn.c_proj",
    "mlp.up_proj": "mlp.c_fc",
    "mlp.down_proj": "mlp.c_proj",
}
_QKV = ("q_proj", "k_proj", "v_proj")


def _renamed(state: State, names: dict[str, str]) -> State:
    """The same tensors under the other side's names."""
    renamed = {}
    for name, tensor in state.items():
        for old, new in names.items():
            name = f".{name}".replace(f".{old}.", f".{new}.")[1:]
        renamed[name] = tensor
    return renamed


def _reversed(names: dict[str, str]) -> dict[str, str]:
    return {theirs: ours for ours, theirs in names.items()}


def _is_matrix_of_a_block(name: str) -> bool:
    return ".c_" in name and name.endswith("weight")


def _gpt2_to_tiny(state: State) -> State:
    """GPT-2 keeps q, k and v in one matrix, and stores its matrices transposed."""
    turned = {k: v.t() if _is_matrix_of_a_block(k) else v for k, v in state.items()}
    split: State = {}
    for name, tensor in _renamed(turned, _reversed(_TINY_TO_GPT2)).items():
        if "c_attn" in name:
            parts = tensor.chunk(3)
            split |= {name.replace("c_attn", p): part for p, part in zip(_QKV, parts, strict=True)}
        else:
            split[name] = tensor
    return split


def _tiny_to_gpt2(state: State, config: TinyGPTConfig) -> State:
    """Fills in what GPT-2 always has: gains of 1 and biases of 0 change nothing."""
    width, inner = config.hidden_size, config.intermediate_size or 0
    joined = _renamed(state, _TINY_TO_GPT2)
    like = state["model.embed_tokens.weight"]
    for layer in range(config.num_hidden_layers):
        block = f"transformer.h.{layer}"
        for kind in ("weight", "bias") if config.bias else ("weight",):
            parts = [joined.pop(f"{block}.attn.{part}.{kind}") for part in _QKV]
            joined[f"{block}.attn.c_attn.{kind}"] = torch.cat(parts)
        if not config.bias:
            sizes = {"attn.c_attn": 3 * width, "attn.c_proj": width}
            sizes |= {"mlp.c_fc": inner, "mlp.c_proj": width}
            joined |= {f"{block}.{part}.bias": like.new_zeros(n) for part, n in sizes.items()}
    if config.norm_type == "bare":
        blocks = [f"transformer.h.{layer}" for layer in range(config.num_hidden_layers)]
        norms = [f"{block}.{norm}" for block in blocks for norm in ("ln_1", "ln_2")]
        for norm in [*norms, "transformer.ln_f"]:
            joined |= {
                f"{norm}.weight": like.new_ones(width),
                f"{norm}.bias": like.new_zeros(width),
            }
    return {k: v.t() if _is_matrix_of_a_block(k) else v for k, v in joined.items()}
