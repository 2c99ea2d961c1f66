"""Which engine runs a model, and the lines of a configuration that say so."""

import json
from dataclasses import dataclass

from vivavoce.catalogue import recommended
from vivavoce.catalogue.pulled import Pulled

NAMES = {"hear": "ear", "think": "brain", "speak": "voice"}
"""What the lines call an engine of each role: ear and brain as the embedded default does, which the line then replaces;
a voice is for a model to name, since the default has one for each language."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How a configuration uses a model."""

    use: str
    role: str
    model: str
    """What its `model` option says."""

    def lines(self, name: str = "") -> str:
        """The engine's table."""
        called = name or NAMES[self.role]
        return f"[engines.{called}]\nuse = {quoted(self.use)}\noptions = {{ model = {quoted(self.model)} }}\n"


def of(pulled: Pulled) -> Usage | None:
    """How a model is used, by what it is; None where its files do not tell."""
    known = recommended.BY_REFERENCE.get(pulled.name)
    if known is not None:
        return Usage(known.use, known.role, known.name)
    names = {file.path.rpartition("/")[2] for file in pulled.files}
    if any(name.endswith(".gguf") and "mmproj" not in name for name in names):
        return Usage("llama", "think", pulled.name)
    if {"model.bin", "config.json"} <= names:
        return Usage("faster-whisper", "hear", pulled.name)
    if any(name.endswith(".onnx") for name in names) and "tokens.txt" in names:
        hears = any("encoder" in name or "joiner" in name or "ctc" in name for name in names)
        return Usage("sherpa-onnx", "hear" if hears else "speak", pulled.name)
    return None


def quoted(text: str) -> str:
    """A string in TOML."""
    return json.dumps(text, ensure_ascii=False)
