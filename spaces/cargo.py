"""What travels into a Space: from an allow-list, with a card that says whose Space it is."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import HfApi, SpaceCard, constants
from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

from training.hub.errors import PublishError, patiently

ROOT = Path(__file__).resolve().parents[1]
FILES = ("app.py", "requirements.txt", "LICENSE")
ROOMS = ("tinygpt_hf", "training", "compare", "browser", "checkpoints")
SUFFIXES = {".py", ".yaml", ".md", ".css", ".js", ".json", ".jsonl", ".txt", ".jinja", ".png"}
SUFFIXES |= {".html", ".safetensors"}
CARD, THUMBNAIL = "README.md", "thumbnail.png"
# What an older version may have left in the Space, and this version replaces.
OWNED = (*FILES, CARD, THUMBNAIL, *(f"{room}/*" for room in ROOMS))


def stage(folder: Path, repo_id: str, models: Sequence[str] = ()) -> list[str]:
    """Copies it, with the card of a page that plays these models; returns the files."""
    for path in travels():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, folder / path)
    here = Path(__file__).parent
    card = SpaceCard((here / CARD).read_text(encoding="utf-8"))
    fetched = [name.split("@")[0] for name in models if fetches(name)]
    card.data["models"] = list(dict.fromkeys([*card.data["models"], *fetched]))
    if (here / THUMBNAIL).is_file():
        shutil.copyfile(here / THUMBNAIL, folder / THUMBNAIL)
        where = f"{constants.ENDPOINT}/spaces/{repo_id}/resolve/main/{THUMBNAIL}"
        card.data["thumbnail"] = where
    (folder / CARD).write_text(str(card), encoding="utf-8", newline="\n")
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def travels() -> list[Path]:
    inside = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
    listed = [path.relative_to(ROOT) for path in inside if path.suffix in SUFFIXES]
    return [*map(Path, FILES), *(path for path in listed if not any(map(_made, path.parts)))]


def _made(part: str) -> bool:
    """Made by Python, a run in progress or training/chat/make.py: the page does not need it."""
    return part == "made" or part.startswith((".", "__pycache__", "checkpoint-"))


def fetches(model: str) -> bool:
    """Whether the Space has to fetch this model; the others travel with it."""
    return model != "none" and not (ROOT / "checkpoints" / model / "config.json").is_file()


def require(api: HfApi, name: str) -> None:
    """Asks for a model as the Space will: by its name, and without a token."""
    if not fetches(name):
        return
    repo_id, _, revision = name.partition("@")
    if repo_id.count("/") != 1 or Path(name).exists() or Path(name).is_absolute():
        raise PublishError(
            f"{name} is not on the Hub, and a Space cannot see the folders of this machine: "
            "publish it with `python -m training.publish`, then give USER/NAME"
        )
    try:
        found = patiently(lambda: api.model_info(repo_id, revision=revision or None, token=False))
    except (RepositoryNotFoundError, RevisionNotFoundError):
        found = None
    if found is None or found.gated:
        raise PublishError(
            f"{name} cannot be loaded without a token, and none is put into a Space: "
            "is it public, and is that its name?"
        )
    if not any(file.rfilename.endswith(".safetensors") for file in found.siblings or ()):
        raise PublishError(f"{name} holds no safetensors, and nothing else is loaded")
