"""A conversation as the tokens that a model still has room for."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from compare.values import Message
from tinygpt_hf.encoding import encode_chat

ROOM = 64  # tokens of the window that are kept free for the answer


def remembered(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], window: int
) -> tuple[list[int], int]:
    """The ids of the latest turns that fit, and how many messages before them are forgotten.

    A turn is forgotten whole, question and answer; the last question stays whatever its length.
    """
    for first in range(0, len(messages), 2):
        ids, _ = encode_chat(tokenizer, messages[first:], add_generation_prompt=True)
        if len(ids) + ROOM <= window:
            break
    return ids.tolist(), first
