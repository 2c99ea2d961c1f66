"""Which engine runs a model, and the lines of a configuration that say so."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from vivavoce.catalogue import recommended, references
from vivavoce.catalogue.pulled import Pulled

NAMES = {"hear": "ear", "think": "brain", "speak": "voices"}
"""What the embedded default calls its engine of each role: one of that name takes its place."""
VOICE = re.compile(r"voice-(?P<language>[a-z]{2,3})")
"""What it calls the voice of one language."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How a configuration uses a model."""

    use: str
    role: str
    model: str
    """What its `model` option says."""
    language: str = ""
    """The only one that a voice speaks; empty: several, or not known."""

    @property
    def name(self) -> str:
        """What to call the engine, so that the embedded default uses it."""
        return voice_of(self.language) if self.language else NAMES[self.role]

    @property
    def options(self) -> str:
        """The engine's options, in TOML."""
        language = f", language = {quoted(self.language)}" if self.language else ""
        return f"model = {quoted(self.model)}{language}"

    def lines(self) -> str:
        """The engine's table."""
        return f"[engines.{self.name}]\nuse = {quoted(self.use)}\noptions = {{ {self.options} }}\n"


def of(pulled: Pulled) -> Usage | None:
    """How a model is used, by what it is; None where its files do not tell."""
    known = recommended.BY_REFERENCE.get(pulled.name)
    if known is not None:
        alone = known.languages[0] if len(known.languages) == 1 else ""
        return Usage(known.use, known.role, known.name, alone)
    names = {file.path.rpartition("/")[2] for file in pulled.files}
    if any(name.endswith(".gguf") and not references.goes_with_another(name) for name in names):
        return Usage("llama", "think", pulled.name)
    if {"model.bin", "config.json"} <= names:
        return Usage("faster-whisper", "hear", pulled.name)
    if any(name.endswith(".onnx") for name in names) and "tokens.txt" in names:
        hears = any("encoder" in name or "joiner" in name or "ctc" in name for name in names)
        return Usage("sherpa-onnx", "hear" if hears else "speak", pulled.name)
    return None


def lines(pulled: Pulled) -> str:
    """The lines of a configuration that use a model; the option alone where more is not known, or not said by it."""
    used = of(pulled)
    if used is not None:
        return used.lines()
    option = "mmproj" if any(references.goes_with_another(file.path) for file in pulled.files) else "model"
    return f"{option} = {quoted(pulled.name)}\n"


def voice_of(language: str) -> str:
    """What the embedded default calls the voice of a language."""
    return f"voice-{language}"


def voices_in(engines: Iterable[str]) -> dict[str, str]:
    """The engines that are the voice of a language, by it."""
    return {found["language"]: name for name in engines if (found := VOICE.fullmatch(name))}


def quoted(text: str) -> str:
    """A string in TOML."""
    return json.dumps(text, ensure_ascii=False)
