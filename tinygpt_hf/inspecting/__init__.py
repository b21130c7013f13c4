"""From odds to causes: what each layer would say, which part did it, and what happens without it.

    lens(model, ids)                        each layer's stream, read by the model's own head
    guesses(model, ids)                     the same, as the likeliest tokens of the last positions
    parts(model, ids, position, token)      one logit as a sum: embedding, heads, MLPs, biases
    path(model, ids, position, tokens)      what each attention and MLP added, and towards what
    pushes(model, ids, position, NAME)      what one part gave to the logit of every token
    neurons(model, ids, position, block)    how active each neuron of an MLP is
    with without(model, [NAME, ...]):       the model while those parts write nothing
    patch(model, ids, other_ids, [NAME])    the logits when those parts write as for the other text
    look(model, ids, block, head)           one head: queries, keys, values, scores, weights
    weights(model, ids)                     where every head looks
    previous_scores, induction_scores       how much heads look at the previous token, or copy

For a TinyGPT of any shape, GPT-2 and Llama, in evaluation mode. `ids` are those of one text. Parts
are called `block 0 head 1`, `block 0 mlp`, `block 0` (its attention and its MLP), and where a block
has no heads `block 0 mean`; blocks and heads count from 0.
"""

from .changes import patch, without
from .contributions import Step, neurons, parts, path, pushes
from .heads import Head, induction_scores, look, previous_scores, weights
from .layers import guesses, lens

__all__ = [
    "Head",
    "Step",
    "guesses",
    "induction_scores",
    "lens",
    "look",
    "neurons",
    "parts",
    "patch",
    "path",
    "previous_scores",
    "pushes",
    "weights",
    "without",
]
