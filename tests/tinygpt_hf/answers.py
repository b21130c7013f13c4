"""What a model and its tokenizer answer, to compare."""

import torch


def answers(model, tokenizer):
    ids = tokenizer("hear me speak")["input_ids"]
    with torch.no_grad():
        return ids, model(torch.tensor([ids])).logits


def equal(one, other):
    (ids, logits), (other_ids, other_logits) = answers(*one), answers(*other)
    return ids == other_ids and torch.equal(logits, other_logits)
