"""A process of a distributed test."""

import os
from pathlib import Path

import torch

from .sdist import load


def join(rank, world_size, folder, module, function, arguments):
    """Meets the others in `folder` and runs `function` of upstream's `module`."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world_size)}
    meeting_place = Path(folder, "store").as_uri()
    torch.distributed.init_process_group(
        "gloo", init_method=meeting_place, rank=rank, world_size=world_size
    )
    try:
        getattr(load(module), function)(rank, *arguments)
    finally:
        torch.distributed.destroy_process_group()
