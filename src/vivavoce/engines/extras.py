"""Libraries that come with an extra of this package: imported when the engine is made, not before."""

import importlib
import importlib.util
from typing import Any, NamedTuple


class Extra(NamedTuple):
    """An extra of this package."""

    engine: str
    """Which it is for."""
    modules: tuple[str, ...]
    """That the engine imports of what it brings."""


EXTRAS = {
    "omni": Extra("transformers", ("torch", "transformers", "accelerate")),
    "sherpa": Extra("sherpa-onnx", ("sherpa_onnx",)),
    "whisper": Extra("faster-whisper", ("faster_whisper",)),
}
"""By name, as in pyproject.toml."""


class ExtraMissing(ImportError):
    """The library is not installed; the message says how to get it."""


class ModelMissing(RuntimeError):
    """The model is not here, or not whole; nothing is fetched unless somebody asks."""


def missing(engine: str) -> str:
    """The extra that an engine wants and that is not installed; empty: none."""
    for name, extra in EXTRAS.items():
        if extra.engine == engine and not all(importlib.util.find_spec(module) for module in extra.modules):
            return name
    return ""


def library(module: str) -> Any:
    """Import a module that an extra brings.

    Raises:
        ExtraMissing: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        extra = next(name for name, extra in EXTRAS.items() if module in extra.modules)
        raise ExtraMissing(f"pip install 'vivavoce[{extra}]'") from error
