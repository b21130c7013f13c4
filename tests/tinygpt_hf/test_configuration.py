"""A config is typed and checked in one place; a stranger's is data, not trust."""

import pytest
from huggingface_hub.errors import StrictDataclassFieldValidationError

from tests.tinygpt_hf.shapes import ALL
from tinygpt_hf import TinyGPTConfig


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"vocab_size": 0}, "vocab_size is 0; it must be at least 1"),
        ({"hidden_size": -8}, "hidden_size is -8; it must be at least 1"),
        ({"intermediate_size": -1}, "intermediate_size is -1; it must be at least 0"),
        ({"num_hidden_layers": -1}, "num_hidden_layers is -1; it must be at least 0"),
        ({"num_attention_heads": 0}, "num_attention_heads is 0; it must be at least 1"),
        ({"num_key_value_heads": 0}, "num_key_value_heads is 0; it must be at least 1"),
        ({"max_position_embeddings": 0}, "max_position_embeddings is 0; it must be at least 1"),
        (
            {"position_embedding": "alibi"},
            "position_embedding is 'alibi'; it must be one of learned",
        ),
        ({"norm_position": "both"}, "norm_position is 'both'; it must be one of before"),
        ({"norm_type": "batch"}, "norm_type is 'batch'"),
        ({"hidden_act": "tanh"}, "hidden_act is 'tanh'"),
        ({"mixer": "fourier"}, "mixer is 'fourier'"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"dropout": -0.1}, "dropout is -0.1"),
        ({"initializer_range": -1.0}, "initializer_range is -1.0"),
        ({"embedding_range": float("inf")}, "embedding_range is inf"),
        ({"layer_norm_eps": 0.0}, "layer_norm_eps is 0.0"),
        ({"rope_theta": float("nan")}, "rope_theta is nan"),
        ({"distance_reach": 0}, "distance_reach is 0"),
        ({"eos_token_id": 512}, "eos_token_id is 512; .* vocab_size, which is 512"),
        ({"eos_token_id": [1, 600]}, "eos_token_id is 600"),
        ({"pad_token_id": -1}, "pad_token_id is -1"),
        ({"hidden_size": 10, "num_attention_heads": 4}, "hidden_size 10 .* num_attention_heads 4"),
        ({"num_attention_heads": 4, "num_key_value_heads": 3}, "heads 4 .* num_key_value_heads 3"),
        ({"position_embedding": "rotary", "hidden_size": 12}, "rotary.* 3 dimensions"),
        (
            {"position_embedding": "sinusoidal", "hidden_size": 7, "num_attention_heads": 1},
            "hidden_size is 7",
        ),
        ({"mixer": "mean"}, "mixer is 'mean'.*num_attention_heads is 4"),
        ({"head_bias": True, "tie_word_embeddings": True}, "head_bias is True"),
        ({"max_position_embeddings": 1}, "max_position_embeddings is 1 and num_hidden_layers is 4"),
    ],
    ids=str,
)
def test_a_wrong_value_is_named(fields, named):
    with pytest.raises(ValueError, match=named):
        TinyGPTConfig(**fields)


@pytest.mark.parametrize("fields", [{"hidden_size": "128"}, {"vocab_size": 1.5}, {"bias": "no"}])
def test_a_wrong_type_is_named(fields):
    with pytest.raises(StrictDataclassFieldValidationError, match=next(iter(fields))):
        TinyGPTConfig(**fields)


@pytest.mark.parametrize("fields", ALL.values(), ids=ALL)
def test_saved_and_loaded_is_equal(fields, tmp_path):
    config = TinyGPTConfig(**fields)
    config.save_pretrained(tmp_path)
    assert TinyGPTConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()


def test_gpt2s_names_work_too():
    config = TinyGPTConfig(n_embd=64, n_layer=2, n_head=2, n_positions=32)
    assert (config.hidden_size, config.num_hidden_layers) == (64, 2)
    assert (config.num_attention_heads, config.max_position_embeddings) == (2, 32)


def test_the_default_is_the_modern_architecture():
    config = TinyGPTConfig()
    assert config.position_embedding == "relative"
    assert (config.norm_type, config.norm_position) == ("bare", "before")
    assert config.hidden_act == "relu2"
    assert {config.bias, config.tie_word_embeddings, config.zero_init} == {False}
