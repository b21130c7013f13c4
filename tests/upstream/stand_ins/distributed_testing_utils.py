"""Not shipped: runs one of upstream's functions in several processes of this machine."""

import tempfile

import torch

# By its name in our own tests: a spawned process does not know the package `upstream_tests` yet.
from tests.upstream.ranks import join


def run_distributed(world_size):
    def with_function(function):
        def run(*arguments):
            with tempfile.TemporaryDirectory() as folder:
                module = function.__module__.partition(".")[2]
                task = (world_size, folder, module, function.__name__, arguments)
                torch.multiprocessing.spawn(join, task, nprocs=world_size)

        return run

    return with_function
