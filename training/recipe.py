"""Recipes: small YAML files of values with reasons."""

import difflib
import re
from pathlib import Path
from typing import Any

import yaml

RECIPES = Path(__file__).parent / "recipes"


class BadRecipe(ValueError):
    pass


def names() -> list[str]:
    return sorted(
        p.relative_to(RECIPES).with_suffix("").as_posix() for p in RECIPES.rglob("*.yaml")
    )


def find(name: str) -> Path:
    """The file of a recipe's name; a path to a YAML file stands for itself."""
    if name.endswith((".yaml", ".yml")) and Path(name).is_file():
        return Path(name)
    if name in names():
        return RECIPES / f"{name}.yaml"
    raise BadRecipe(
        f"{name!r} is neither a recipe nor a file nor a folder{nearest(name, names())}; "
        "`python -m training.train --list` shows the recipes"
    )


def read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRecipe(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise BadRecipe(f"{path} holds no `key: value` lines")
    return content


def about() -> dict[str, str]:
    return {name: read(RECIPES / f"{name}.yaml").get("about", "") for name in names()}


def check_keys(given: Any, known: list[str], where: str) -> None:
    for key in given:
        if key not in known:
            raise BadRecipe(f"{where} has an unknown key {key!r}{nearest(str(key), known)}")


def nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (nearest: {close[0]!r})" if close else ""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads 1e-3 as a string; here it is a number, as anyone would expect."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"),
    list("-+0123456789"),
)
