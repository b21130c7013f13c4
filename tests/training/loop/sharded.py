"""`training.train` under FSDP on a CPU: accelerate shards on accelerators alone, and this makes it
take two processes over gloo for them. All else is the platform's: launcher, plugin, wrapping."""

import sys

from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType

from training.train import main

born = AcceleratorState.__init__


def shard_here_too(self, *args, fsdp_plugin=None, **kwargs):
    born(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
    if fsdp_plugin is not None:
        self.distributed_type = DistributedType.FSDP
        self.fsdp_plugin = fsdp_plugin
        PartialState._shared_state["distributed_type"] = DistributedType.FSDP


if __name__ == "__main__":
    AcceleratorState.__init__ = shard_here_too  # type: ignore[method-assign]
    sys.exit(main())
