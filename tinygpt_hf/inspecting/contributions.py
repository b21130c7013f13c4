"""Which part did it: a logit as a sum of what the parts wrote, and a token's path through them.

A logit is a product of the last stream and a row of the head, and the stream is a sum. So each
part's share is the product of what it wrote and of the direction, at its place in the model, that
leads to this logit. Each norm's scale is held at its value for this text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from .anatomy import Anatomy, Norm, anatomy
from .watching import Ids, Look, one_text, run


@torch.no_grad()
def parts(model: PreTrainedModel, input_ids: Ids, position: int, token: int) -> dict[str, float]:
    """The logit of `token` as the next one after `position`, as a sum over the model's parts.

    `bias` is all that does not depend on the text: from the output projections, the last layers
    of the MLPs, the norms and the head. To set one token against another, subtract its parts.
    """
    seen = _Seen(model, input_ids, position)
    ways = _ways(seen, [token])
    constant, shares = ways["bias"], {"embedding": ways["start"] @ seen.embedding}
    if seen.place is not None:
        shares["position"] = ways["start"] @ seen.place
    for number, block in enumerate(seen.made.blocks):
        way = ways[f"block {number} attention"]
        if block.out is None:
            shares[f"block {number} mean"] = way @ seen.attention[number]
        else:
            written, added = seen.by_head(number)
            for head in range(seen.made.heads):
                shares[f"block {number} head {head}"] = way @ written[head]
            constant = constant + way @ added
        if block.mlp is not None:
            way, added = ways[f"block {number} mlp"], seen.mlp_bias(number)
            shares[f"block {number} mlp"] = way @ (seen.mlp[number] - added)
            constant = constant + way @ added
    return {name: float(share) for name, share in (shares | {"bias": constant}).items()}


@dataclass(frozen=True)
class Step:
    """What one part added to a token's vector, and which tokens that favoured."""

    part: str  # "embedding", "position", "block 0 attention", "block 0 mlp", ...
    length: float  # of what it wrote
    stream: float  # length of the vector from there on
    towards: list[float]  # what it added to the logit of each token that was asked about
    vector: list[float]  # the vector from there on
    guess: int  # the likeliest next token, if the model ended here
    sure: float  # and its probability


@torch.no_grad()
def path(
    model: PreTrainedModel, input_ids: Ids, position: int, tokens: Sequence[int]
) -> list[Step]:
    """What was added to the vector at `position`, part after part, and how much of it led towards
    each of `tokens` as the next one."""
    seen = _Seen(model, input_ids, position)
    ways = _ways(seen, tokens)
    steps = []

    def step(part: str, written: Tensor, stream: Tensor, way: Tensor) -> None:
        odds = seen.said(stream).softmax(-1)
        steps.append(
            Step(
                part,
                float(written.norm()),
                float(stream.norm()),
                (way @ written).tolist(),
                stream.tolist(),
                int(odds.argmax()),
                float(odds.max()),
            )
        )

    step("embedding", seen.embedding, seen.embedding, ways["start"])
    if seen.place is not None:
        step("position", seen.place, seen.start, ways["start"])
    for number, block in enumerate(seen.made.blocks):
        name = f"block {number} attention"
        step(name, seen.attention[number], seen.middle[number], ways[name])
        if block.mlp is not None:
            name = f"block {number} mlp"
            step(name, seen.mlp[number], seen.output[number], ways[name])
    return steps


@torch.no_grad()
def pushes(model: PreTrainedModel, input_ids: Ids, position: int, part: str) -> Tensor:
    """What one part gave to the logit of every token [vocabulary]: a head (`block 0 head 1`) as
    `parts` counts it, or a step of `path`."""
    seen = _Seen(model, input_ids, position)
    place, written = seen.written(part)
    return seen.made.head.weight.float() @ _carried(seen, place, written)


@torch.no_grad()
def neurons(model: PreTrainedModel, input_ids: Ids, position: int, block: int) -> Tensor:
    """How active each neuron of a block's MLP is at `position`."""
    made, found = anatomy(model), []
    ids = one_text(model, input_ids)
    if not 0 <= block < len(made.blocks) or made.blocks[block].down is None:
        raise ValueError(f"block {block} has no MLP")
    down = made.blocks[block].down
    assert down is not None
    run(made, ids, [Look(down, "input", lambda value: found.append(value[0, position].float()))])
    return found[0]


class _Seen:
    """What every part wrote at one position of a text, as vectors of length C."""

    def __init__(self, model: PreTrainedModel, input_ids: Ids, position: int) -> None:
        self.made = anatomy(model)
        ids = one_text(model, input_ids)
        length = ids.shape[1]
        if not -length <= position < length:
            raise ValueError(f"position is {position}; the text has {length} tokens")
        self._where = position % length
        self.embedding = self.made.embed(ids)[0, self._where].float()
        places = self.made.places(length)
        self.place = None if places is None else places[self._where].float()
        self.start = self.made.start(ids)[self._where].float()
        # By the number of the block:
        self._joined: dict[int, Tensor] = {}  # the heads side by side, before the projection
        self.attention: dict[int, Tensor] = {}
        self.mlp: dict[int, Tensor] = {}
        self.output: dict[int, Tensor] = {}  # the stream after it
        run(self.made, ids, self._looks())
        self.summed: dict[int, Tensor] = {}  # the stream and what attention wrote
        self.middle: dict[int, Tensor] = {}  # the stream that the MLP finds
        for number, block in enumerate(self.made.blocks):
            stream = self.output[number - 1] if number else self.start
            self.summed[number] = stream = self.join(stream, self.attention[number])
            self.middle[number] = block.attn_norm(stream) if self.made.norm_after else stream

    def _looks(self) -> list[Look]:
        looks = []

        def keep(into: dict[int, Tensor], number: int, module: nn.Module | None, side) -> None:
            def see(value: Tensor) -> None:
                into[number] = value[0, self._where].float()

            if module is not None:
                looks.append(Look(module, side, see))

        for number, block in enumerate(self.made.blocks):
            keep(self._joined, number, block.out, "input")
            keep(self.attention, number, block.attn, "output")
            keep(self.mlp, number, block.mlp, "output")
            keep(self.output, number, block.module, "output")
        return looks

    def join(self, stream: Tensor, written: Tensor) -> Tensor:
        return stream + written if self.made.residual else written

    def by_head(self, number: int) -> tuple[Tensor, Tensor]:
        """What each head wrote, H C, and the bias of the projection, C."""
        out = self.made.blocks[number].out
        assert out is not None
        joined = self._joined[number].view(self.made.heads, -1)  # H D
        alone = torch.block_diag(*joined)  # H H*D: in each row one head, the others at zero
        dtype = next(out.parameters()).dtype
        bias = out(torch.zeros_like(alone[:1]).to(dtype)).float()
        return out(alone.to(dtype)).float() - bias, bias[0]

    def said(self, stream: Tensor) -> Tensor:
        """The logits, if the model ended with this stream."""
        weight = self.made.head.weight
        return self.made.head(self.made.norm(stream).to(weight.dtype)).float()

    def written(self, part: str) -> tuple[str, Tensor]:
        """What a part wrote, and the place where it enters the stream."""
        if part == "embedding":
            return "start", self.embedding
        if part == "position" and self.place is not None:
            return "start", self.place
        for number, block in enumerate(self.made.blocks):
            place = f"block {number} attention"
            if part == place or (part == f"block {number} mean" and block.out is None):
                return place, self.attention[number]
            if part == f"block {number} mlp" and block.mlp is not None:
                return part, self.mlp[number]
            for head in range(self.made.heads if block.out is not None else 0):
                if part == f"block {number} head {head}":
                    return place, self.by_head(number)[0][head]
        raise ValueError(f"the model has no part {part!r}")

    def mlp_bias(self, number: int) -> Tensor:
        bias = getattr(self.made.blocks[number].down, "bias", None)
        return torch.zeros_like(self.mlp[number]) if bias is None else bias.float()


def _ways(seen: _Seen, tokens: Sequence[int]) -> dict[str, Tensor]:
    """At each writer's place, the directions that lead to the tokens' logits (tokens C).

    From the head backwards: a norm turns them, and without a residual connection they end at the
    writer. `bias` is what the norms and the head add for any text.
    """
    made = seen.made
    wanted = _known(made, tokens)
    way = made.head.weight[wanted].float()
    bias = getattr(made.head, "bias", None)
    constant = way.new_zeros(len(way)) if bias is None else bias[wanted].float()
    ways: dict[str, Tensor] = {}

    def through(norm: Norm, vector: Tensor) -> None:
        nonlocal way, constant
        way, more = norm.back(way, vector)
        constant = constant + more

    def written_by(name: str) -> None:
        nonlocal way
        ways[name] = way
        if not made.residual:
            way = torch.zeros_like(way)

    last = len(made.blocks) - 1
    through(made.norm, seen.output[last] if made.blocks else seen.start)
    for number in range(last, -1, -1):
        block = made.blocks[number]
        if block.mlp is not None:
            if made.norm_after:
                through(block.mlp_norm, seen.join(seen.middle[number], seen.mlp[number]))
            written_by(f"block {number} mlp")
        if made.norm_after:
            through(block.attn_norm, seen.summed[number])
        written_by(f"block {number} attention")
    return ways | {"start": way, "bias": constant}


def _carried(seen: _Seen, place: str, vector: Tensor) -> Tensor:
    """What is left, before the head, of a vector written at `place`: `_ways` in the other
    direction."""
    made, begun = seen.made, place == "start"

    def taken_in(writer: str, norm: Norm, stream: Tensor) -> None:
        nonlocal vector, begun
        if begun and not made.residual:
            vector = torch.zeros_like(vector)
        begun = begun or writer == place
        if begun and made.norm_after:
            vector = norm.forth(vector, stream)

    for number, block in enumerate(made.blocks):
        taken_in(f"block {number} attention", block.attn_norm, seen.summed[number])
        if block.mlp is not None:
            joined = seen.join(seen.middle[number], seen.mlp[number])
            taken_in(f"block {number} mlp", block.mlp_norm, joined)
    last = len(made.blocks) - 1
    return made.norm.forth(vector, seen.output[last] if made.blocks else seen.start)


def _known(made: Anatomy, tokens: Sequence[int]) -> list[int]:
    size = len(made.head.weight)
    for token in tokens:
        if not 0 <= token < size:
            raise ValueError(f"token is {token}; the vocabulary has ids 0 to {size - 1}")
    return list(tokens)
