"""The configuration: TOML to structs, once. Unknown keys are errors with their line; `$NAME` is read here only."""

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

import msgspec
from msgspec import Meta, Struct, field

T = TypeVar("T")

DEFAULT_MODEL = "gpt-4o-mini-audio-preview"
SNAPSHOTS = {
    "gpt-4o-mini-audio-preview": "gpt-4o-mini-audio-preview-2024-12-17",
    "gpt-4o-audio-preview": "gpt-4o-audio-preview-2025-06-03",
}
CHAT_NAMES = [
    "gpt-4o-mini-audio-preview-2024-12-17",
    "gpt-4o-audio-preview",
    "gpt-4o-audio-preview-2024-10-01",
    "gpt-4o-audio-preview-2024-12-17",
    "gpt-4o-audio-preview-2025-06-03",
    "gpt-audio",
    "gpt-audio-1.5",
    "gpt-audio-mini",
]


class ConfigError(Exception):
    """A configuration that cannot be used; the message says what and where."""


class ServerConfig(Struct, forbid_unknown_fields=True):
    """`[server]`."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    keys: list[str] = field(default_factory=list[str])
    origins: list[str] = field(default_factory=list[str])
    strict: bool = False
    aiml: bool = False
    """The AI/ML API's keys beside every `error`, and its status 201."""


class LimitsConfig(Struct, forbid_unknown_fields=True):
    """`[limits]`."""

    body_mb: Annotated[float, Meta(gt=0)] = 48
    audio_seconds: Annotated[float, Meta(gt=0)] = 600
    pdf_pages: Annotated[int, Meta(ge=1)] = 100
    pdf_mb: Annotated[float, Meta(gt=0)] = 32
    wait_ms: Annotated[float, Meta(ge=0)] = 2000
    connections: Annotated[int, Meta(ge=1)] = 512


class StoreConfig(Struct, forbid_unknown_fields=True):
    """`[store]`."""

    url: Literal["sqlite"] = "sqlite"
    replies_hours: Annotated[float, Meta(ge=0)] = 24
    """How long an answer is given again to its `Idempotency-Key`; 0: the header is not looked at."""
    replies_mb: Annotated[float, Meta(gt=0)] = 1024
    """Of all these answers."""
    completions_days: Annotated[int, Meta(ge=0, le=3650)] = 30
    """How long chats with `store: true` are kept; 0: none is."""
    completions: Annotated[int, Meta(ge=1, le=10_000_000)] = 10_000
    """How many of these chats."""


class EngineConfig(Struct, forbid_unknown_fields=True):
    """`[engines.NAME]`."""

    use: str
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    options: dict[str, Any] = field(default_factory=dict[str, Any])


class ModelConfig(Struct, forbid_unknown_fields=True):
    """`[models."NAME"]`: engines by role."""

    think: str | None = None
    hear: str | None = None
    speak: str | dict[str, str] | None = None
    """One engine, or one for each language and `default`."""
    aliases: list[str] = field(default_factory=list[str])
    voices: dict[str, str] = field(default_factory=dict[str, str])
    """A name clients use, and the voice it stands for."""
    language: str = "en"
    """ISO-639-1; of text whose script does not tell."""
    on_overflow: Literal["refuse", "trim"] = "refuse"
    """What becomes of a conversation that is longer than the context."""


class Config(Struct, forbid_unknown_fields=True):
    """A whole configuration."""

    server: ServerConfig = field(default_factory=ServerConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    engines: dict[str, EngineConfig] = field(default_factory=dict[str, EngineConfig])
    models: dict[str, ModelConfig] = field(default_factory=dict[str, ModelConfig])


TABLES: dict[str, type[Struct]] = {
    "": Config,
    "server": ServerConfig,
    "limits": LimitsConfig,
    "store": StoreConfig,
    "engines": EngineConfig,
    "models": ModelConfig,
}
"""The tables of a file by the first word of their headers."""


def find(given: Path | None) -> Path | None:
    """The configuration file to use: the one given, `$VIVAVOCE_CONFIG`, `./vivavoce.toml`, or none.

    Raises:
        ConfigError: one was named that is not there.
    """
    named = given or (Path(os.environ["VIVAVOCE_CONFIG"]) if os.environ.get("VIVAVOCE_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            raise ConfigError(f"{named}: no such file")
        return named
    here = Path("vivavoce.toml")
    return here if here.is_file() else None


def load(path: Path | None) -> Config:
    """Read a configuration, or the empty one where there is no file.

    Raises:
        ConfigError: it is not TOML, has an unknown key or a bad value, or names a variable that is not set.
    """
    if path is None:
        return Config()
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    settled = _with_secrets(raw, path)
    try:
        config = msgspec.convert(settled, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(error, settled, text, path)) from None
    _check_names(config, path)
    return config


def data_folder() -> Path:
    """Where what outlives a request is kept: `$VIVAVOCE_HOME/data`, else `vivavoce` in the user's data folder."""
    if os.environ.get("VIVAVOCE_HOME"):
        return Path(os.environ["VIVAVOCE_HOME"]) / "data"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local/share") / "vivavoce"


def embedded(config: Config, weights: str, *, flite: bool) -> Config:
    """`config` with the embedded engines and models added, where it names no models of its own.

    Args:
        config: as loaded.
        weights: the embedded brain's file; empty where another will think.
        flite: whether English is said by Flite, rather than eSpeak NG.
    """
    if config.models:
        return config
    engines = {
        "ear": EngineConfig("pocketsphinx"),
        "brain": EngineConfig("llama", options={"model": weights}),
        "voices": EngineConfig("espeak"),
        **config.engines,
    }
    speak: str | dict[str, str] = "voices"
    if flite:
        engines.setdefault("english", EngineConfig("flite"))
        speak = {"default": "voices", "en": "english"}
    models = {
        DEFAULT_MODEL: ModelConfig("brain", "ear", speak, aliases=list(CHAT_NAMES)),
        "whisper-1": ModelConfig(hear="ear", aliases=["gpt-4o-transcribe", "gpt-4o-mini-transcribe"]),
        "tts-1": ModelConfig(speak=speak, aliases=["tts-1-hd", "gpt-4o-mini-tts"]),
    }
    return msgspec.structs.replace(config, engines=engines, models=models)


def thinking_at(config: Config, address: str) -> Config:
    """`config` with the OpenAI-compatible server at `URL[#model]` as every model's language model.

    Raises:
        ConfigError: it is not an address.
    """
    url, _, model = address.partition("#")
    if not re.match(r"https?://[^/\s]+", url):
        raise ConfigError(f"--think {address}: not an address; it looks like http://localhost:11434/v1#llama3.2")
    engines = {name: engine for name, engine in config.engines.items() if name != "brain"}
    key = os.environ.get("VIVAVOCE_THINK_KEY", "")
    engines["brain"] = EngineConfig("openai", options={"base_url": url, "model": model, "api_key": key})
    models = {
        name: msgspec.structs.replace(model, think=model.think and "brain") for name, model in config.models.items()
    }
    return msgspec.structs.replace(config, engines=engines, models=models)


def snapshot(name: str) -> str:
    """The dated name an answer gives for a model's name."""
    return SNAPSHOTS.get(name, name)


def _with_secrets(value: T, path: Path) -> T:
    """`value` with every `$NAME` replaced by that variable."""
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return cast("T", {key: _with_secrets(item, path) for key, item in items})
    if isinstance(value, list):
        return cast("T", [_with_secrets(item, path) for item in cast("list[Any]", value)])
    if isinstance(value, str) and re.fullmatch(r"\$[A-Za-z_][A-Za-z0-9_]*", value):
        if value[1:] not in os.environ:
            raise ConfigError(f"{path}: {value} is not set in the environment")
        return cast("T", os.environ[value[1:]])
    return value


def _explain(error: msgspec.ValidationError, raw: dict[str, Any], text: str, path: Path) -> str:
    """What is wrong, its line, and for an unknown key the nearest known one."""
    what, _, where = str(error).partition(" - at `$")
    steps = _named(re.findall(r"\.{3}|[^.\[\]`]+", where), raw)
    dotted = ".".join(steps)
    unknown = re.fullmatch(r"Object contains unknown field `(.+)`", what)
    if not unknown:
        return f"{path}:{_line_of(steps, text)}: {dotted}: {what[0].lower()}{what[1:]}"
    known = list(TABLES[steps[0] if steps else ""].__struct_fields__)
    near = difflib.get_close_matches(unknown[1], known, 1)
    hint = f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(known)}"
    line = _line_of([*steps, unknown[1]], text)
    return f"{path}:{line}: unknown key '{unknown[1]}'{f' in [{dotted}]' if steps else ''}{hint}"


def _named(steps: list[str], raw: dict[str, Any]) -> list[str]:
    """The steps to a value, where msgspec writes `...` for the name of an engine or a model."""
    if steps[1:2] != ["..."]:
        return steps
    kind = TABLES[steps[0]]
    for name, table in raw[steps[0]].items():
        try:
            msgspec.convert(table, kind)
        except msgspec.ValidationError:
            return [steps[0], name, *steps[2:]]
    return steps


def _line_of(steps: list[str], text: str) -> int:
    """The line on which a value's key stands: where the file, read so far, first has it."""
    lines = text.splitlines(keepends=True)
    complete = 0
    for number in range(1, len(lines) + 1):
        try:
            known = tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue  # in the middle of a value of several lines
        if _has(known, steps):
            return complete + 1
        complete = number
    return 1


def _has(table: Any, steps: list[str]) -> bool:
    for step in steps:
        if not isinstance(table, dict):
            return True  # a place in a list: its line is the list's
        if step not in table:
            return False
        table = cast("dict[str, Any]", table)[step]
    return True


def _check_names(config: Config, path: Path) -> None:
    """Every engine a model names must be there, no name may stand for two models, and no key may be empty."""
    known: set[str] = set(config.models)
    for name, model in config.models.items():
        speak = model.speak.values() if isinstance(model.speak, dict) else [model.speak]
        for engine in [model.hear, model.think, *speak]:
            if engine is not None and engine not in config.engines:
                near = difflib.get_close_matches(engine, config.engines, 1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                raise ConfigError(f"{path}: [models.\"{name}\"] names engine '{engine}', which is not there{hint}")
        if isinstance(model.speak, dict) and not model.speak:
            raise ConfigError(f'{path}: [models."{name}"] speak names no engine')
        if not (model.hear or model.think or model.speak):
            raise ConfigError(f'{path}: [models."{name}"] names no engine: give it think, hear or speak')
        twice = known.intersection(model.aliases)
        if twice:
            raise ConfigError(f"{path}: '{twice.pop()}' is the name of two models")
        known.update(model.aliases)
    if not all(config.server.keys):
        raise ConfigError(f"{path}: [server] keys: a key is empty")
