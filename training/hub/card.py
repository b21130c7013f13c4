"""The model card and the notebook: what was measured, filled into `model_card.md` and
`notebook.ipynb`. Nothing is made up here."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from training.hub.staging import RECIPE, ROOT, Staged, config_of, count_of, facts_of, public_name

CARD, NOTEBOOK = "README.md", "notebook.ipynb"
GENERATED = "Written by training/hub/card.py. Delete this line to keep what you change below."
TEMPLATE = Path(__file__).with_name("model_card.md")
CELLS = Path(__file__).with_name(NOTEBOOK)
COMMIT = re.compile(r"[0-9a-f]{40}")
_ROWS = {
    "val_loss": ("validation loss, nats per token", "{:.4f}"),
    "val_bits_per_byte": ("validation bits per byte", "{:.4f}"),
    "train_loss": ("training loss", "{:.4f}"),
    "steps": ("steps", "{:,}"),
    "best_step": ("step of these weights, the best", "{:,}"),
    "tokens": ("tokens seen", "{:,}"),
    "train_seconds": ("training time, seconds", "{:.1f}"),
    "data": ("data", "{}"),
    "recipe": ("recipe", "`{}`"),
    "seed": ("seed", "{}"),
}
_METRICS = {
    "val_loss": ("loss", "loss, nats per token"),
    "val_bits_per_byte": ("bits_per_byte", "bits per byte"),
}


@dataclass(frozen=True)
class Chosen:
    """What only the author of a model can say, for the Hub."""

    license: str | None = None
    language: str | list[str] | None = None
    new_version: str | None = None  # the repository that replaces it

    @classmethod
    def over(cls, card: Mapping[str, Any], **now: str | None) -> Chosen:
        """The choice made now or, without one, the choice in the existing card."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: now.get(name) or card.get(name) for name in names})

    def missing(self) -> list[str]:
        lacking = [name for name in ("license", "language") if not getattr(self, name)]
        flags = " and ".join(f"--{name}" for name in lacking)
        named = " or ".join(lacking)
        return [f"the card names no {named}, which is yours to choose: {flags}"] if lacking else []


NOTHING = Chosen()


def address(staged: Staged, repo_id: str, revision: str | None, chosen: Chosen) -> None:
    """Writes into a copy where it will be: at a tag, or better at the commit that a tag protects.

    A card that its author took over stays as it is.
    """
    if CARD not in staged.local or GENERATED in staged.local[CARD].path.read_text(encoding="utf-8"):
        text = render_card(staged.folder, repo_id=repo_id, revision=revision, chosen=chosen)
        staged.write(CARD, text)
    staged.write(NOTEBOOK, render_notebook(staged.folder, repo_id, revision))


def write_card(run_dir: str | Path) -> Path:
    """Writes README.md into a run; `training.publish` adds where on the Hub it is."""
    path = Path(run_dir) / CARD
    path.write_text(render_card(Path(run_dir)), encoding="utf-8", newline="\n")
    return path


def render_notebook(folder: Path, repo_id: str, revision: str | None) -> str:
    """A model loaded, asked, scored and tuned, cell by cell, at the place where it is."""
    config, facts = config_of(folder), facts_of(folder)
    ours = config.get("model_type") == "tinygpt"
    filled = {
        "{name}": repo_id.split("/")[1],
        "{needs}": " ".join(f'"{need}"' for need in _needs()) if ours else "transformers torch",
        "{where}": _where(repo_id, revision, ours),
        "{ask}": _ask_of(folder, facts),
    }
    notebook = json.loads(CELLS.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        for mark, value in filled.items():
            text = text.replace(mark, value)
        cell["source"] = text.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def render_card(
    folder: Path,
    *,
    repo_id: str | None = None,
    revision: str | None = None,
    chosen: Chosen = NOTHING,
) -> str:
    from huggingface_hub import ModelCard

    facts, config = facts_of(folder), config_of(folder)
    name = repo_id.split("/")[1] if repo_id else folder.resolve().name
    ours = config.get("model_type") == "tinygpt"
    coded = ours and (repo_id is not None or "auto_map" in config)  # its code comes with it
    sample = facts.get("sample") or {}
    text = str(sample.get("text", ""))
    card = ModelCard.from_template(
        _metadata(name, facts, chosen),
        template_path=str(TEMPLATE),
        generated=GENERATED,
        name=name,
        parameters=f"{facts.get('parameters') or count_of(folder):,}",
        recipe=_recipe(facts),
        notebook=repo_id is not None,
        shape=_shape(config),
        init_from=public_name(facts["init_from"]) if "init_from" in facts else None,
        rows=list(_rows(facts)),
        split=facts.get("split"),
        curve=(folder / "loss.png").exists(),
        sample=text,
        sampled=_settings(sample),
        fence="`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0)),
        where=_where(repo_id or ".", revision, coded),
        ask=_ask_of(folder, facts),
        text=_text(facts),
        again=_again(folder, facts),
        code=_code(facts),
        needs=_needs(),
        pinned=_pinned(revision),
        ours=ours,
        coded=coded,
        twin=_twin(config),
        window=_window(config),
    )
    return f"{card}\n"


def _metadata(name: str, facts: dict, chosen: Chosen):
    from huggingface_hub import EvalResult, ModelCardData

    data = str(facts.get("data") or facts.get("recipe") or "text")
    on_hub = data.partition("@")[0] if "/" in data else None  # a file goes by its name alone
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=on_hub or "text",
            dataset_name=data,
            dataset_split="validation",
            metric_type=kind,
            metric_name=label,
            metric_value=facts[key],
        )
        for key, (kind, label) in _METRICS.items()
        if key in facts
    ]
    start, _, commit = str(facts.get("init_from")).partition("@")
    measured: dict[str, Any] = {"model_name": name, "eval_results": results} if results else {}
    return ModelCardData(
        language=chosen.language,
        license=chosen.license,
        datasets=[on_hub] if on_hub else None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["tinygpt-hf", "tinygpt", "safetensors"],
        base_model=start if COMMIT.fullmatch(commit) else None,
        base_model_relation="finetune" if COMMIT.fullmatch(commit) else None,
        new_version=chosen.new_version,
        metrics=[result.metric_type for result in results] or None,
        **measured,
    )


def _rows(facts: dict) -> Iterator[tuple[str, str]]:
    """Every fact that is there, as a line of a table."""
    for key, (label, shown) in _ROWS.items():
        if key in facts and not (key == "recipe" and _recipe(facts) is None):
            yield label, shown.format(facts[key])
    yield from (facts.get("versions") or {}).items()


def _shape(config: dict) -> str:
    layers = config.get("num_hidden_layers", config.get("n_layer"))
    width = config.get("hidden_size", config.get("n_embd"))
    kind = config.get("position_embedding", "")
    positions = f", {kind} positions" if kind not in ("", "none") else ""
    return (
        f"{layers} layer{'' if layers == 1 else 's'} of width {width}{positions}, a window of "
        f"{_window(config)} tokens, a vocabulary of {config.get('vocab_size')}."
    )


def _settings(sample: dict) -> str:
    shown = [f"{key} {value}" for key, value in sample.items() if key not in ("text", "prompt")]
    prompt = f"From the prompt `{sample['prompt']}`. " if sample.get("prompt") else ""
    return prompt + (f"Sampled with {', '.join(shown)}." if shown else "")


def _where(name: str, revision: str | None, remote_code: bool) -> str:
    options: dict[str, Any] = {"revision": revision} if revision else {}
    options |= {"trust_remote_code": True} if remote_code else {}
    listed = ", ".join(f'"{key}": {_literal(value)}' for key, value in options.items())
    return f'name = "{name}"\noptions = {{{listed}}}'


def _literal(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _needs() -> list[str]:
    """The packages that load it, with their versions, from pyproject.toml; none in a Space, which
    does not have that file."""
    path = ROOT / "pyproject.toml"
    if not path.is_file():
        return []
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    needs = project["dependencies"]
    return [need for need in needs if re.match(r"(transformers|torch)\b", need)]


def _recipe(facts: dict) -> str | None:
    """The recipe's name; none for a run on your own text, which is named after that file."""
    text = (facts.get("text") or {}).get("name", "")
    own = facts.get("recipe") == Path(text).stem and Path(text).suffix
    return None if own else facts.get("recipe")


def _text(facts: dict) -> str | None:
    """Identifies the text, so that anybody can compare theirs."""
    text = facts.get("text")
    return "`{name}` ({bytes:,} bytes, SHA-256 `{sha256}`)".format(**text) if text else None


def _again(folder: Path, facts: dict) -> str | None:
    """The command that trains it again: the first line of its recipe, with the text's name."""
    if not (folder / RECIPE).is_file():
        return None
    head = (folder / RECIPE).read_text(encoding="utf-8").partition("\n")[0]
    return head.removeprefix("# ").replace("TEXT", (facts.get("text") or {}).get("name", "TEXT"))


def _code(facts: dict) -> str:
    """Where the code is that trained it."""
    code = facts.get("code") or {}
    at = f" at commit `{code['commit']}`" if "commit" in code else ""
    return f"TinyGPT-HF ({code['url']}{at})" if "url" in code else f"TinyGPT-HF{at}"


def _ask_of(folder: Path, facts: dict) -> str:
    prompt = (facts.get("sample") or {}).get("prompt") or "The"
    return _ask(prompt, (folder / "chat_template.jinja").exists())


def _ask(prompt: str, chats: bool) -> str:
    if not chats:
        return f'ids = tokenizer({_literal(prompt)}, return_tensors="pt")'
    return (
        f'messages = [{{"role": "user", "content": {_literal(prompt)}}}]\n'
        'kind = {"add_generation_prompt": True, "return_tensors": "pt", "return_dict": True}\n'
        "ids = tokenizer.apply_chat_template(messages, **kind)"
    )


def _pinned(revision: str | None) -> str:
    if revision is None:
        return "On the Hub, pin `revision` to a commit: code and weights then never change."
    if COMMIT.fullmatch(revision):
        return "`revision` is a commit: code and weights never change."
    return f"`{revision}` is a tag; the commit that it names can take its place, and never changes."


def _twin(config: dict) -> tuple[str, str] | None:
    """Judged by the switches that only one of them has; `--as` decides whether it fits."""
    if config.get("position_embedding") == "learned" and config.get("hidden_act") == "gelu_new":
        return "GPT-2", "gpt2"
    if config.get("norm_type") == "rms" and config.get("hidden_act") == "swiglu":
        return "Llama", "llama"
    return None


def _window(config: dict) -> int | None:
    return config.get("max_position_embeddings") or config.get("n_positions")
