"""What becomes of a trained model: a contestant on the page, or a zip to take home."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from compare.engine.contestant import Contestant
from tinygpt_hf.loading import load
from training.hub.staging import stage


def contestant(folder: Path, name: str) -> Contestant:
    model, tokenizer = load(str(folder))
    return Contestant(name, model, tokenizer, source=name)


def zip_up(folder: Path, target: Path) -> None:
    """All that `AutoModelForCausalLM` needs, with card, curve and figures, without the text."""
    name = target.stem
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(target, "w") as archive:
        staged = stage(folder, Path(scratch, name))
        for file in staged.local:
            kind = zipfile.ZIP_STORED if file.endswith(".safetensors") else zipfile.ZIP_DEFLATED
            archive.write(staged.folder / file, f"{name}/{file}", kind)
