"""Asks a model many questions at once, greedily."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BATCH = 64
ANSWER, STORY = 128, 420  # tokens; the longest taught answer and story have fewer


@dataclass(frozen=True)
class Answer:
    text: str
    ended: bool  # by itself


def ask(
    model: Any, tokenizer: Any, talks: Sequence[Sequence[str]], longest: int = ANSWER
) -> list[Answer]:
    """The next answer in each conversation, which is given as its texts in turn."""
    from tinygpt_hf.tokenization import encode_chat

    roles = ("user", "assistant")
    rows = []
    for talk in talks:
        turns = [{"role": roles[i % 2], "content": text} for i, text in enumerate(talk)]
        rows.append(encode_chat(tokenizer, turns, add_generation_prompt=True)[0].tolist())
    found: list[Answer] = [Answer("", False)] * len(rows)
    order = sorted(range(len(rows)), key=lambda n: len(rows[n]))  # alike ones need little padding
    for first in range(0, len(order), BATCH):
        part = order[first : first + BATCH]
        for number, answer in zip(
            part, batch(model, tokenizer, [rows[n] for n in part], longest), strict=True
        ):
            found[number] = answer
    return found


def batch(model: Any, tokenizer: Any, rows: list[list[int]], longest: int) -> list[Answer]:
    import torch

    width = max(map(len, rows))
    ids = torch.tensor([[tokenizer.pad_token_id] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    with torch.inference_mode():
        out = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=longest)
    new = out[:, width:]
    texts = tokenizer.batch_decode(new, skip_special_tokens=True)
    return [
        Answer(text, tokenizer.eos_token_id in row.tolist())
        for text, row in zip(texts, new, strict=True)
    ]
