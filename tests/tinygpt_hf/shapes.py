"""Small configs that between them switch on every part of the model."""

import torch

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM

SMALL = {
    "vocab_size": 31,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 16,
}
MODERN = SMALL
GPT2 = SMALL | {
    "position_embedding": "learned",
    "norm_type": "layer",
    "hidden_act": "gelu_new",
    "bias": True,
    "tie_word_embeddings": True,
}
LLAMA = SMALL | {
    "position_embedding": "rotary",
    "norm_type": "rms",
    "hidden_act": "swiglu",
    "num_key_value_heads": 2,
}
MINIGPT = SMALL | {
    "position_embedding": "sinusoidal",
    "norm_type": "layer",
    "hidden_act": "relu",
    "bias": True,
    "head_bias": True,
}
HELLO = {
    "vocab_size": 5,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 4,
    "position_embedding": "learned",
    "norm_type": "layer",
    "norm_position": "after",
    "hidden_act": "relu",
    "bias": True,
    "head_bias": True,
}
NEXT_CHAR = {
    "vocab_size": 27,
    "hidden_size": 32,
    "intermediate_size": 0,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "max_position_embeddings": 5,
    "mixer": "mean",
    "position_embedding": "none",
    "norm_position": "none",
    "residual": False,
}
BIGRAM = NEXT_CHAR | {"num_hidden_layers": 0, "mixer": "attention"}
ONE_HEAD = SMALL | {
    "num_attention_heads": 1,
    "intermediate_size": 0,
    "norm_position": "none",
    "residual": False,
}
ALL = {
    "modern": MODERN,
    "gpt2": GPT2,
    "llama": LLAMA,
    "minigpt": MINIGPT,
    "hello": HELLO,
    "next-char": NEXT_CHAR,
    "bigram": BIGRAM,
    "one head": ONE_HEAD,
}
ABSOLUTE = {
    name: ALL[name] for name in ("gpt2", "minigpt", "hello")
}  # positions end with the window
ENDLESS = {name: ALL[name] for name in ("modern", "llama", "next-char", "one head")}


def make(fields: dict, attention: str = "eager", seed: int = 0) -> TinyGPTForCausalLM:
    """A model with every number random, so that no part can be forgotten without a difference.

    The same model for the same seed, whatever drew random numbers before.
    """
    config = TinyGPTConfig(**fields)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = TinyGPTForCausalLM._from_config(config, attn_implementation=attention)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def tokens(model, rows: int, length: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, model.config.vocab_size, (rows, length), generator=generator)
