"""What a launcher did otherwise than it was asked, which nothing else would say."""

import os

SEVERAL = "torchrun --standalone --nproc_per_node 2 -m training.train ..."


def surprises(sharded: bool) -> list[str]:
    """A line about each; `accelerate launch` leaves what was asked in the environment."""
    asked = os.environ
    lines = []
    if "ACCELERATE_USE_CPU" in asked and "MASTER_ADDR" in asked and "WORLD_SIZE" not in asked:
        lines.append(
            "accelerate launch was asked for several processes and started one, which trains "
            f"alone; several are started by {SEVERAL}"
        )
    if asked.get("ACCELERATE_USE_FSDP") == "true" and not sharded:
        lines.append(
            "FSDP was asked for, and accelerate shards on accelerators alone: "
            "every process keeps the whole model"
        )
    return lines
