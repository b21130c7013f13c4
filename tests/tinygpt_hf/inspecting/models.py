"""Models of every shape that can be looked into, with every number random."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from tests.tinygpt_hf import shapes

SIZES = {"vocab_size": 31}


def gpt2() -> GPT2LMHeadModel:
    config = GPT2Config(
        **SIZES, n_positions=16, n_embd=24, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0
    )
    return GPT2LMHeadModel(config)


def llama() -> LlamaForCausalLM:
    config = LlamaConfig(
        **SIZES, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=16, attention_bias=True, mlp_bias=True,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def _with_norms() -> dict[str, dict]:
    """Every recipe's shape with each position of the norms."""
    places = ("before", "after", "none")
    return {
        f"{name}, norms {place}": fields | {"norm_position": place}
        for name, fields in shapes.ALL.items()
        for place in places
    }


TINY = _with_norms()
ALL = [*TINY, "GPT2LMHeadModel", "LlamaForCausalLM"]


def make(name: str, seed: int = 0):
    if name in TINY:
        return shapes.make(TINY[name], attention="sdpa", seed=seed)
    torch.manual_seed(seed)
    model = gpt2() if name == "GPT2LMHeadModel" else llama()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return model.eval()


def text(model, seed: int = 0, length: int = 12) -> torch.Tensor:
    length = min(length, model.config.max_position_embeddings)
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, model.config.vocab_size, (length,), generator=generator)


def logits(model, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(ids[None]).logits[0]
