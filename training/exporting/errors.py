"""The errors of an export: the setting that prevents it, and the way out."""

import importlib
from types import ModuleType

ANOTHER_SHAPE = (
    "`python -m training.train TEXT --arch llama` (or gpt2) trains one that can be exported"
)


class ExportError(ValueError):
    pass


def needed(package: str, kind: str) -> ModuleType:
    """An optional package, imported where it is used."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != package:
            raise
        raise ExportError(
            f"--to {kind} needs the package {package}: pip install 'tinygpt-hf[export]', "
            f"or pip install {package}"
        ) from None
