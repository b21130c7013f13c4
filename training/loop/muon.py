"""Muon for the matrices of the blocks, AdamW for the rest, as one optimizer with one state.

Muon replaces a matrix's momentum by the nearest orthogonal matrix, so that every direction is
learned at the same pace. `torch.optim.Muon` does this one matrix after the other; here all of one
shape go through together, and three steps with coefficients of their own (Amsel et al., "The Polar
Express", 2025) replace five equal ones: about half the time on small models (benchmarks/muon.py).
"""

from collections import defaultdict
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

POLAR_EXPRESS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
)


def make_optimizer(
    model: PreTrainedModel,
    args: Any,
    muon: float | None = None,
    momentum: float = 0.95,
    embedding: float | None = None,
) -> torch.optim.Optimizer:
    """Each parameter in one group; weight decay for matrices, not for tables, norms and biases."""
    groups = []
    for kind, params in sort_parameters(model).items():
        group: dict[str, Any] = {"params": params, "lr": args.learning_rate, "weight_decay": 0.0}
        if kind == "tables" and embedding is not None:
            group["lr"] = embedding
        if kind in ("matrices", "head"):
            group["weight_decay"] = args.weight_decay
        if kind == "matrices" and muon is not None:
            group |= {"lr": muon, "momentum": momentum, "bf16": args.bf16}
        groups.append(group)
    return MuonAdamW(
        groups,
        lr=args.learning_rate,
        betas=(args.adam_beta1, args.adam_beta2),
        eps=args.adam_epsilon,
        fused=True,
    )


def sort_parameters(model: PreTrainedModel) -> dict[str, list[nn.Parameter]]:
    """Tables of embeddings, matrices of the blocks, the head, and norms, biases and the rest."""
    head = model.get_output_embeddings().weight
    table = model.get_input_embeddings().weight
    kinds: dict[int, str] = {}
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter is table:  # also where the head is tied to it
                kind = "tables"
            elif parameter is head:
                kind = "head"
            elif isinstance(module, nn.Linear) and name == "weight":
                kind = "matrices"
            elif type(module) is nn.Embedding:
                kind = "tables"
            else:
                kind = "others"
            kinds[id(parameter)] = kind
    groups: dict[str, list[nn.Parameter]] = defaultdict(list)
    for parameter in model.parameters():
        if parameter.requires_grad:
            groups[kinds[id(parameter)]].append(parameter)
    return dict(groups)


class MuonAdamW(torch.optim.AdamW):
    """AdamW, but a group with a `momentum` is Muon's."""

    @torch.no_grad()
    def step(self, closure=None):
        groups = self.param_groups
        for group in groups:
            if "momentum" in group:
                self._muon_step(group)
        self.param_groups = [group for group in groups if "momentum" not in group]
        try:
            return super().step(closure)
        finally:
            self.param_groups = groups

    def _muon_step(self, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p.grad is not None]
        grads = [p.grad for p in params]
        for p in params:
            if not self.state[p]:  # AdamW looks for a step in every state that it loads
                self.state[p] = {"step": torch.zeros(()), "momentum_buffer": torch.zeros_like(p)}
            self.state[p]["step"] += 1
        buffers = [self.state[p]["momentum_buffer"] for p in params]
        torch._foreach_lerp_(buffers, grads, 1 - group["momentum"])
        updates = torch._foreach_lerp(grads, buffers, group["momentum"])  # Nesterov
        if group["weight_decay"]:
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
        by_shape = defaultdict(list)
        for p, update in zip(params, updates, strict=True):
            by_shape[p.shape].append((p, update))
        for (rows, columns), pairs in by_shape.items():
            stack = torch.stack([update for _, update in pairs])
            orthogonal = orthogonalize(stack.bfloat16() if group["bf16"] else stack)
            step = -group["lr"] * max(1.0, rows / columns) ** 0.5
            torch._foreach_add_(
                [p for p, _ in pairs], list(orthogonal.float().unbind()), alpha=step
            )


def orthogonalize(x: torch.Tensor) -> torch.Tensor:
    """A stack of matrices, each with its singular values brought between about 0.15 and 1.9."""
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) * 1.02 + 1e-7)
    for a, b, c in POLAR_EXPRESS:
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
