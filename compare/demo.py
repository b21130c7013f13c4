"""Two untrained models, so that the page stands before the checkpoints do."""

from __future__ import annotations

import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM

from .engine import Contestant


def letters() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {f"<0x{b:02X}>": b for b in range(256)}
    for character in map(chr, range(32, 127)):
        vocabulary[character] = len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False)


def pair() -> tuple[Contestant, Contestant]:
    torch.manual_seed(0)
    size = len(letters())
    ours = TinyGPTForCausalLM(TinyGPTConfig(vocab_size=size, max_position_embeddings=64))
    shape = GPT2Config(vocab_size=size, n_embd=128, n_layer=4, n_head=4, n_positions=256)
    theirs = GPT2LMHeadModel(shape)
    return Contestant("tiny", ours, letters()), Contestant("gpt2", theirs, letters())
