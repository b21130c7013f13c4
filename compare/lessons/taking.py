"""What becomes of a trained model: a contestant on the page, a zip or one HTML file."""

from __future__ import annotations

import tempfile
import threading
import zipfile
from pathlib import Path

from compare.engine.contestant import Contestant
from tinygpt_hf.loading import load
from training.exporting import html
from training.hub.staging import stage

PAGE = "page.html"
_one_at_a_time = threading.Lock()


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


def as_page(folder: Path) -> Path:
    """The model as one file for any browser. It is made once, and deleted with the model."""
    target = folder.parent / PAGE
    with _one_at_a_time:
        if not target.exists():
            content = html.page(str(folder))
            unfinished = target.with_suffix(".part")
            unfinished.write_bytes(content)
            unfinished.replace(target)
    return target
