"""Publishes under faults, many side by side: what runs in their processes, and what must hold."""

import functools
import os
from pathlib import Path

from training import publish
from training.hub import errors, proof
from training.hub.verification import proof_request, raise_for

# Not our model: a stranger does not have it, and with it the published code would not be used.
PRELOADED = [
    "tests.training.hub.faulted",
    "torch",
    "huggingface_hub.hf_api",
    "transformers.masking_utils",
    "transformers.generation.utils",
    "transformers.modeling_layers",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.tokenization_utils_tokenizers",
    "transformers.utils.output_capturing",
]


def run_command(argv: list[str], token: str, home: str, proved: bool = True) -> None:
    """Entry of a process forked from one that has only imported: a fresh one, in milliseconds.

    It runs the command as it is. Two things differ from a shell: the proof runs in here, since this
    process is as fresh as the one it would start; and waits are shorter.
    """
    from huggingface_hub import constants
    from transformers import dynamic_module_utils
    from transformers.utils import logging

    output = os.open(f"{home}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["HF_TOKEN"] = token
    constants.HF_HUB_OFFLINE = False
    constants.HF_HUB_CACHE = f"{home}/hub"
    dynamic_module_utils.HF_MODULES_CACHE = f"{home}/modules"
    logging.disable_progress_bar()
    errors.WAITS, proof.WAITS = (0.05, 0.1, 0.2), (0.1, 0.1)
    prove = _prove_here if proved else lambda *_: None
    publish.publish = functools.partial(publish.publish, prove=prove)
    code = publish.main(argv)
    # The fork server's own word is lost where two threads ask for it at once.
    Path(f"{home}.exit").write_text(str(code), encoding="utf-8")


def _prove_here(repo_id: str, commit: str, staged) -> None:
    raise_for(proof.problem(**proof_request(repo_id, commit, staged)), repo_id, commit)


def meant(run_dir: Path) -> dict[str, bytes]:
    """What a published revision of this run has to hold, beside its card."""
    from training.hub.staging import stage

    folder = run_dir.parent / f"{run_dir.name}-meant"
    staged = stage(run_dir, folder)
    return {name: (folder / name).read_bytes() for name in staged.local if name != "README.md"}
