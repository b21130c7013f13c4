"""The Hub's `/api/validate-yaml`: what a README's front matter may say."""

from __future__ import annotations

import re

import yaml

FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(\r?\n|\Z)", re.DOTALL)
TASKS = {"text-generation", "text-classification", "feature-extraction", "other"}
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
SDKS = {"gradio", "streamlit", "docker", "static"}
LICENSES = re.compile(r"[a-z0-9][a-z0-9.+-]*")


def front_matter(readme: str) -> dict | None:
    found = FRONT.match(readme)
    return yaml.safe_load(found[1]) if found else None


def problems(readme: str, kind: str) -> tuple[list[str], list[str]]:
    """What is wrong with a README's metadata, and what only deserves a warning."""
    try:
        data = front_matter(readme)
    except yaml.YAMLError as error:
        return [f"invalid YAML: {error}"], []
    if data is None:
        return [], ["empty or missing yaml metadata in repo card"]
    if not isinstance(data, dict):
        return ["metadata must be a mapping"], []
    return list(_space(data) if kind == "space" else _model(data)), []


def _model(data: dict):
    for name in ("tags", "datasets", "metrics"):
        value = data.get(name, [])
        if not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            yield f'"{name}" must be a list of strings'
    for item in data.get("datasets") or []:
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", str(item)):
            yield f'"datasets": {item!r} is not the id of a dataset'
    if "license" in data and not LICENSES.fullmatch(str(data["license"])):
        yield f'"license": {data["license"]!r} is not a licence'
    if "pipeline_tag" in data and data["pipeline_tag"] not in TASKS:
        yield f'"pipeline_tag": {data["pipeline_tag"]!r} is not a task'
    for index, model in enumerate(data.get("model-index") or []):
        yield from (f'"model-index[{index}]{problem}' for problem in _index(model))


def _index(model: dict):
    if not isinstance(model.get("name"), str):
        yield '.name" is required'
    for number, result in enumerate(model.get("results") or []):
        where = f".results[{number}]"
        if not isinstance(result.get("task", {}).get("type"), str):
            yield f'{where}.task.type" is required'
        dataset = result.get("dataset", {})
        for key in ("type", "name"):
            if not isinstance(dataset.get(key), str):
                yield f'{where}.dataset.{key}" is required'
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", str(dataset.get("type"))):
            yield f'{where}.dataset.type" is not the id of a dataset'
        for metric in result.get("metrics") or [{}]:
            if not isinstance(metric.get("type"), str) or metric.get("value") is None:
                yield f'{where}.metrics" need a type and a value'


def _space(data: dict):
    if data.get("sdk") not in SDKS:
        yield f'"sdk" must be one of {sorted(SDKS)}'
    for name in ("colorFrom", "colorTo"):
        if data.get(name, "red") not in COLOURS:
            yield f'"{name}" must be one of {sorted(COLOURS)}'
    if len(str(data.get("short_description", ""))) > 60:
        yield '"short_description" length must be less than or equal to 60 characters long'
    for name in ("models", "tags", "preload_from_hub"):
        if not isinstance(data.get(name, []), list):
            yield f'"{name}" must be a list'
    if not isinstance(data.get("python_version", "3.12"), str):
        yield '"python_version" must be a string'
    if not isinstance(data.get("sdk_version", "6.0.0"), str):
        yield '"sdk_version" must be a string'
