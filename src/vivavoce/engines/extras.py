"""Libraries that come with an extra of this package: imported when the engine is made, not before."""

import importlib
from typing import Any


class ExtraMissing(ImportError):
    """The library is not installed; the message says how to get it."""


class ModelMissing(RuntimeError):
    """The model is not here, or not whole; nothing is fetched unless somebody asks."""


def library(module: str, extra: str) -> Any:
    """Import a module that `pip install 'vivavoce[EXTRA]'` brings.

    Raises:
        ExtraMissing: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"pip install 'vivavoce[{extra}]'") from error
