"""Small models with random numbers everywhere, and tokenizers for them."""

import torch

from tests.tinygpt_hf.shapes import ALL, make
from tinygpt_hf import TinyGPTForCausalLM
from tinygpt_hf.tokenization import train_bpe, train_char

TEXT = [
    "To be, or not to be: that is the question.\n",
    "    an indented line, it's here \n\n\n",
    "Ça va? Ωμέγα, привет, 生活的真谛是 😊\r\n",
    "<p>To be,\tor to be not,  that was the answer.</p>\n",
] * 3


def char(chat: bool = False):
    return train_char(TEXT, chat=chat)


def bpe(cut: str = "gpt2", chat: bool = False):
    return train_bpe(TEXT, 340, cut=cut, chat=chat)


def fitting(shape: str, tokenizer, **fields) -> TinyGPTForCausalLM:
    """A model of the shape, for the tokenizer's ids."""
    ids = {name: getattr(tokenizer, name) for name in ("eos_token_id", "pad_token_id")}
    return make(ALL[shape] | {"vocab_size": len(tokenizer)} | ids | fields)


def folder(path, model, tokenizer):
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@torch.no_grad()
def logits(model, ids: list[int]) -> torch.Tensor:
    return model(torch.tensor([ids]), use_cache=False).logits[0]
