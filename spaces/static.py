"""The page as a static Space: a model that runs in its visitors' browsers, without a machine."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from cargo import CARD, ROOT, fetches
from huggingface_hub import HfApi, snapshot_download

from training.hub.errors import PublishError, patiently

PAGE, LICENSE = "index.html", "LICENSE"
OWNED = (CARD, PAGE, LICENSE)
# The hosts that the page may ask; the Hub redirects downloads to other hosts of its own.
HOSTS = "https://huggingface.co https://*.hf.co"
WEIGHTS = "model.safetensors"
READ = ("*.json", "*.jsonl", "chat_template.jinja", "README.md", WEIGHTS)
GPT2 = "openai-community/gpt2"
GPT2_COMMIT = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
GPT2_BYTES = 548_105_171
_CARD = Path(__file__).with_name("static.md")


def check(model: str | None, baseline: str | None) -> str:
    """The model of a static Space; an error if the flags do not fit one."""
    if model is None or not fetches(model):
        raise PublishError(
            "a static Space fetches its model from the Hub: give --model USER/NAME "
            "(`python -m training.publish` puts one there)"
        )
    if baseline not in (None, "none"):
        raise PublishError(
            f"a static Space has GPT-2 behind a button, and not {baseline}; --baseline none leaves "
            "the button out"
        )
    return model


def stage(folder: Path, api: HfApi, model: str, *, with_gpt2: bool) -> list[str]:
    """Writes the Space's files for a public model of the Hub; returns their names."""
    repo_id, _, revision = model.partition("@")
    info = patiently(lambda: api.model_info(repo_id, revision=revision or None, token=False))
    commit = str(info.sha)
    home = f"{api.endpoint}/{repo_id}/resolve/{commit}"
    page = _page(_files(api, repo_id, commit), repo_id, home, with_gpt2)
    (folder / PAGE).write_text(page, encoding="utf-8", newline="\n")
    shutil.copyfile(ROOT / LICENSE, folder / LICENSE)
    title = repo_id.split("/")[1]
    card = _CARD.read_text(encoding="utf-8").format(title=title, model=repo_id, commit=commit)
    (folder / CARD).write_text(card, encoding="utf-8", newline="\n")
    return [CARD, LICENSE, PAGE]


def _files(api: HfApi, repo_id: str, commit: str) -> Path:
    """What the page is made from, at that commit, read without a token, as a visitor does."""
    there = patiently(
        lambda: snapshot_download(
            repo_id, revision=commit, allow_patterns=READ, token=False, endpoint=api.endpoint
        )
    )
    if not Path(there, WEIGHTS).is_file():
        raise PublishError(f"{repo_id} has no {WEIGHTS} in one piece, which the page would fetch")
    return Path(there)


def _page(folder: Path, repo_id: str, home: str, with_gpt2: bool) -> str:
    _find("tinygpt_hf")
    from training.exporting import html, manifest

    try:
        found, _ = manifest.describe(str(folder))
    except (ValueError, OSError) as error:
        raise PublishError(f"{repo_id}: {' '.join(str(error).split())}") from None
    found["name"] = repo_id
    # The browser reads the weights as they are there, under the names that this config gives them.
    found["config"] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    size = (folder / WEIGHTS).stat().st_size
    offer = _gpt2(home.partition(f"/{repo_id}/")[0]) if with_gpt2 else None
    return html.fetched(found, home, size, offer, HOSTS)


def _gpt2(endpoint: str) -> dict:
    return {
        "name": "GPT-2",
        "size": "124,439,808 parameters",
        "parameters": 124_439_808,
        "prompt": "",
        "sample": "",
        "home": f"{endpoint}/{GPT2}/resolve/{GPT2_COMMIT}",
        "bytes": GPT2_BYTES,
        "begin": None,
        "ends": [50256],
        "chat": False,
        "curve": {"train": [], "held": []},
        "samples": [],
        "facts": [["Parameters", "124,439,808"], ["From", f"{GPT2} at {GPT2_COMMIT[:7]}"]],
        "card": "",
    }


def _find(name: str) -> ModuleType:
    """A package of this project, which a script does not find by itself."""
    if name not in sys.modules:
        spec = spec_from_file_location(name, ROOT / name / "__init__.py")
        assert spec
        assert spec.loader
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
