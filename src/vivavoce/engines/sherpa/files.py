"""The files in a folder of a sherpa-onnx model: which of them is which argument of the library's."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

Setting: TypeAlias = str | int | float | bool
Settings: TypeAlias = Mapping[str, Setting]

PATTERNS = {
    "tokens": ("*tokens.txt",),
    "model": ("*model*.onnx", "*.onnx"),
    "paraformer": ("*model*.onnx", "*.onnx"),
    "acoustic_model": ("model*.onnx",),
    "vocoder": ("*voc*.onnx", "*hifigan*.onnx"),
    "preprocessor": ("preprocess*.onnx",),
    "uncached_decoder": ("uncached_decode*.onnx",),
    "cached_decoder": ("cached_decode*.onnx",),
    "encoder": ("*encoder*.onnx", "*encode*.onnx"),
    "voices": ("voices*.bin",),
    "vocab_json": ("vocab.json",),
    "token_scores_json": ("token_scores.json",),
    "data_dir": ("espeak-ng-data",),
    "dict_dir": ("dict",),
    "lexicon": ("lexicon*.txt",),
    "lang": (),
}
"""What an argument's file is called, where it is not `*ARGUMENT*.onnx`."""


def find(folder: Path, arguments: Iterable[str], *, small: bool) -> dict[str, str]:
    """Those arguments that are files of the folder; an 8-bit one before others where `small`, after them elsewhere."""
    found: dict[str, str] = {}
    for argument in arguments:
        for pattern in PATTERNS.get(argument, (f"*{argument}*.onnx",)):
            fitting = sorted(folder.glob(pattern), key=lambda path: (("int8" in path.name) != small, path.name))
            if fitting:
                several = fitting if argument == "lexicon" else fitting[:1]
                found[argument] = ",".join(map(str, several))
                break
    return found


def placed(folder: Path, settings: Settings) -> dict[str, Setting]:
    """Settings, those that name files of the folder with its path."""

    def place(value: Setting) -> Setting:
        if not isinstance(value, str) or not value:
            return value
        paths = [folder / part for part in value.split(",")]
        return ",".join(map(str, paths)) if all(path.exists() for path in paths) else value

    return {name: place(value) for name, value in settings.items()}
