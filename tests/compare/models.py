"""Small models of every shape, with weights large enough that their choices differ."""

from __future__ import annotations

import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM

VOCABULARY, WINDOW = 61, 24
SHAPES = {
    "modern": {},
    "hello": {
        "position_embedding": "learned",
        "norm_type": "layer",
        "norm_position": "after",
        "hidden_act": "relu",
        "bias": True,
        "head_bias": True,
    },
    "minigpt": {"position_embedding": "sinusoidal", "norm_type": "layer", "hidden_act": "relu"},
    "llama": {
        "position_embedding": "rotary",
        "norm_type": "rms",
        "hidden_act": "swiglu",
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    },
    "next-char": {
        "mixer": "mean",
        "position_embedding": "none",
        "num_attention_heads": 1,
        "norm_position": "none",
        "residual": False,
        "intermediate_size": 0,
        "num_hidden_layers": 1,
    },
    "bigram": {"num_hidden_layers": 0, "position_embedding": "none", "norm_position": "none"},
    "one head": {"num_attention_heads": 1, "residual": False, "norm_position": "none"},
}


def model_of(shape: str, seed: int = 0, window: int = WINDOW) -> PreTrainedModel:
    torch.manual_seed(seed)
    if shape == "gpt2":
        config = GPT2Config(
            vocab_size=VOCABULARY,
            n_positions=window,
            n_embd=32,
            n_layer=3,
            n_head=4,
            bos_token_id=0,
            eos_token_id=0,
        )
        model: PreTrainedModel = GPT2LMHeadModel(config)
    else:
        fields = {"num_hidden_layers": 3, "num_attention_heads": 4, **SHAPES[shape]}
        model = TinyGPTForCausalLM(
            TinyGPTConfig(
                vocab_size=VOCABULARY,
                hidden_size=32,
                max_position_embeddings=window,
                eos_token_id=0,
                **fields,
            )
        )
    for parameter in model.parameters():
        parameter.data += 0.15 * torch.randn_like(parameter)
    return model.eval()
