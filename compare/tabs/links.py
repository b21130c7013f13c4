"""A link to what is on the page: model, prompt, seed and settings in the address, and back.

The visitor's browser writes the address. Here it is read, and hostile until it is checked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from compare.roster import REPO_ID
from compare.values import Refusal, Sampling

LONGEST_PROMPT = 2_000
# The order in which the page hands its prompt and controls to `COPY`, which knows the model.
SETTINGS = [spec.name for spec in fields(Sampling)]
NAMES = ["model", "prompt", *SETTINGS]


@dataclass(frozen=True)
class Opening:
    """What an address asks for, as far as it is sound."""

    model: str | None = None
    repo: str | None = None  # on the Hub: only the visitor may have it fetched
    prompt: str | None = None
    sampling: Sampling = field(default_factory=Sampling)
    pinned: bool = False  # the address names a seed, so the same text is meant
    complaint: str = ""


def read(query: Mapping[str, str], offered: list[str]) -> Opening:
    """Each part is taken if it is sound and left out, with a word, if it is not."""
    complaints = []
    model, repo = query.get("model"), None
    if model is not None and model not in offered:
        if REPO_ID.fullmatch(model):
            repo = model
        else:
            complaints.append("it names no model")
        model = None
    prompt = query.get("prompt")
    if prompt is not None and len(prompt) > LONGEST_PROMPT:
        complaints.append(f"its prompt is longer than {LONGEST_PROMPT:,} characters")
        prompt = None
    settings: dict[str, Any] = {}
    for spec in fields(Sampling):
        if (text := query.get(spec.name)) is None:
            continue
        try:
            value = _value(text, spec.default)
            Sampling(**(settings | {spec.name: value}))
            settings[spec.name] = value
        except (ValueError, Refusal):
            complaints.append(f"its {spec.name} is out of range")
    complaint = f"Some of this link was left out: {'; '.join(complaints)}." if complaints else ""
    return Opening(model, repo, prompt, Sampling(**settings), "seed" in settings, complaint)


def _value(text: str, default: object) -> Any:
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise ValueError
        return text == "true"
    if len(text) > 20:
        raise ValueError
    return float(text) if isinstance(default, float) else int(text)


# Runs in the browser: the address goes to the address bar, to the clipboard and to the page.
COPY = f"""async (...values) => {{
    values.unshift(document.querySelector("#left-name").textContent);
    const names = {json.dumps(NAMES)};
    const address = new URL(window.location.origin + window.location.pathname);
    names.forEach((name, i) => address.searchParams.set(name, String(values[i])));
    window.history.replaceState(null, "", address);
    const said = document.createElement("p");
    said.textContent = "Link: " + address.href;
    try {{
        await navigator.clipboard.writeText(address.href);
        said.textContent = "Link copied: " + address.href;
    }} catch {{ /* browsers hand out the clipboard on https and localhost only */ }}
    return said.outerHTML;
}}"""
