"""Recipes: small YAML files of values with reasons."""

import difflib
import re
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import yaml

RECIPES = Path(__file__).parent


class BadRecipeError(ValueError):
    pass


def names() -> list[str]:
    return sorted(
        p.relative_to(RECIPES).with_suffix("").as_posix() for p in RECIPES.rglob("*.yaml")
    )


def find(name: str) -> Path:
    """The file of a recipe's name; a path to a YAML file is used as it is."""
    if name.endswith((".yaml", ".yml")) and Path(name).is_file():
        return Path(name)
    if name in names():
        return RECIPES / f"{name}.yaml"
    raise BadRecipeError(
        f"{name!r} is neither a recipe nor a file nor a folder{nearest(name, names())}; "
        "`python -m training.train --list` shows the recipes"
    )


def read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRecipeError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise BadRecipeError(f"{path} holds no `key: value` lines")
    return content


def about() -> dict[str, str]:
    return {name: read(RECIPES / f"{name}.yaml").get("about", "") for name in names()}


def check(given: dict[str, Any], known: dict[str, Any], where: str) -> None:
    """Every key is known, and its value of a type that it may have."""
    for key, value in given.items():
        if key not in known:
            raise BadRecipeError(f"{where} has an unknown key {key!r}{nearest(str(key), [*known])}")
        kind = get_origin(known[key])
        choices = get_args(known[key]) if kind in UNIONS else (known[key],)
        if kind is Literal and value not in get_args(known[key]):
            allowed = ", ".join(get_args(known[key]))
            raise BadRecipeError(f"{where}: {key} is {value!r}; it may be {allowed}")
        if kind is list and not isinstance(value, list):
            raise BadRecipeError(f"{where}: {key} is {value!r}; it must be a list")
        plain = [PLAIN[choice] for choice in choices if choice in PLAIN]
        if len(plain) == len(choices) and not any(type(value) in types for types in plain):
            names = " or ".join(t.__name__ for t in choices if t is not type(None))
            raise BadRecipeError(f"{where}: {key} is {value!r}; it must be {names}")


# What YAML may hold for a plain type; anything richer is checked by the platform.
PLAIN: dict[Any, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (int, float),
    str: (str,),
    type(None): (type(None),),
}
UNIONS = (Union, UnionType)


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
