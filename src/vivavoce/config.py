"""The configuration: TOML to structs, once. Unknown keys are errors with their line; `$NAME` is read here only."""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, cast

import msgspec
from msgspec import Meta, Struct, field

from vivavoce.toml_errors import Source, wrong

T = TypeVar("T")
VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
Names: TypeAlias = str | Annotated[list[str], Meta(min_length=1)]
"""One engine, or several in the order in which they are tried."""
Role: TypeAlias = Literal["hear", "think", "speak", "respond"]
ROLES: tuple[Role, ...] = ("hear", "think", "speak", "respond")


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
    first_s: Annotated[float, Meta(gt=0)] | None = None
    """Seconds until it must have begun to answer; unset: 60 where it runs elsewhere, else no limit."""
    between_s: Annotated[float, Meta(gt=0)] | None = None
    """Seconds until it must have gone on; unset: 30 where it runs elsewhere, else no limit."""
    unload_after: Annotated[float, Meta(gt=0)] | None = None
    """Seconds after its last call at which a local engine's processes end; the next call starts them again."""
    options: dict[str, Any] = field(default_factory=dict[str, Any])


class ModelConfig(Struct, forbid_unknown_fields=True):
    """`[models."NAME"]`: engines by role."""

    think: Names | None = None
    hear: Names | None = None
    speak: Names | dict[str, Names] | None = None
    """Of all languages, or of each language and `default`."""
    respond: Names | None = None
    """Native speech models, which answer by themselves."""
    aliases: list[str] = field(default_factory=list[str])
    voices: dict[str, str] = field(default_factory=dict[str, str])
    """A name clients use, and the voice it stands for."""
    language: str = "en"
    """ISO-639-1; of text whose script does not tell."""
    on_overflow: Literal["refuse", "trim"] = "refuse"
    """What becomes of a conversation that is longer than the context."""

    def engines(self, role: Role) -> list[str]:
        """The engines that play a role, in the order in which they are tried; of every language where it speaks."""
        if role == "speak":
            return [name for names in self.speakers().values() for name in names]
        return _listed({"hear": self.hear, "think": self.think, "respond": self.respond}[role])

    def speakers(self) -> dict[str, list[str]]:
        """What speaks each language, or `default`."""
        by_language = self.speak if isinstance(self.speak, dict) else {"default": self.speak}
        return {language: _listed(names) for language, names in by_language.items() if names}


class Config(Struct, forbid_unknown_fields=True):
    """A whole configuration."""

    server: ServerConfig = field(default_factory=ServerConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    engines: dict[str, EngineConfig] = field(default_factory=dict[str, EngineConfig])
    models: dict[str, ModelConfig] = field(default_factory=dict[str, ModelConfig])


def _listed(names: Names | None) -> list[str]:
    if names is None:
        return []
    return [names] if isinstance(names, str) else names


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
    source = _read(path)
    for problem in _problems(source):
        raise ConfigError(problem)
    return msgspec.convert(source.raw, Config)


def check(path: Path) -> list[str]:
    """Everything that is wrong with a file, each with its line."""
    try:
        return list(_problems(_read(path)))
    except ConfigError as error:
        return [str(error)]


def right_engines(path: Path) -> dict[str, EngineConfig]:
    """The engines of a file whose tables can be read, whatever else is wrong with it.

    Raises:
        ConfigError: it is not TOML.
    """
    return _right(_read(path)).engines


def line_of(path: Path, *steps: str) -> str:
    """The file and line of a value, by the keys that lead there.

    Raises:
        ConfigError: it is not TOML.
    """
    return _read(path).at(*steps)


def data_folder() -> Path:
    """Where what outlives a request is kept: `$VIVAVOCE_HOME/data`, else `vivavoce` in the user's data folder."""
    if os.environ.get("VIVAVOCE_HOME"):
        return Path(os.environ["VIVAVOCE_HOME"]) / "data"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local/share") / "vivavoce"


def _read(path: Path) -> Source:
    """A file with every `$NAME` replaced by that variable, where it is set.

    Raises:
        ConfigError: it is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        written = tomllib.loads(text)
        return Source(path, text, _with_secrets(written), written)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None


def _with_secrets(value: T) -> T:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return cast("T", {key: _with_secrets(item) for key, item in items})
    if isinstance(value, list):
        return cast("T", [_with_secrets(item) for item in cast("list[Any]", value)])
    if isinstance(value, str) and VARIABLE.fullmatch(value):
        return cast("T", os.environ.get(value[1:], value))
    return value


def _problems(source: Source) -> Iterator[str]:
    """What is wrong, in the order of the file's tables, and then with the names in those that are right."""
    for name, value in source.values():
        if VARIABLE.fullmatch(value) and value[1:] not in os.environ:
            yield f"{source.at(*name)}: {value} is not set in the environment"
    for steps, value, kind in _tables(source.raw):
        yield from wrong(value, kind, source, steps)
    yield from _wrong_names(_right(source), source)


def _right(source: Source) -> Config:
    """What of a file can be read: a table with a mistake is as one that is not there."""
    right = Config()
    for steps, value, kind in _tables(source.raw):
        if steps and not any(wrong(value, kind, source, steps)):
            table = msgspec.convert(value, kind)
            if len(steps) == 1 and isinstance(table, Struct):
                setattr(right, steps[0], table)
            elif len(steps) == 2:
                getattr(right, steps[0])[steps[1]] = table
    return right


def _tables(raw: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any, type[Any]]]:
    """The tables of a file: the keys that lead to each, what it holds, and what it should be."""
    many: dict[str, type[Struct]] = {"engines": EngineConfig, "models": ModelConfig}
    yield (), {name: {} for name in raw}, Config
    for name, kind in {"server": ServerConfig, "limits": LimitsConfig, "store": StoreConfig}.items():
        yield (name,), raw.get(name, {}), kind
    for name, kind in many.items():
        tables = raw.get(name, {})
        if not isinstance(tables, dict):
            yield (name,), tables, dict[str, Any]
            continue
        for key, table in cast("dict[str, Any]", tables).items():
            yield (name, key), table, kind


def _wrong_names(config: Config, source: Source) -> Iterator[str]:
    """Every engine a model names must be there, no name may stand for two models, and no key may be empty."""
    known: set[str] = set(config.models)
    tables = source.raw.get("engines")
    engines = cast("dict[str, Any]", tables) if isinstance(tables, dict) else {}
    for name, model in config.models.items():
        for role in ROLES:
            for engine in model.engines(role):
                if engine not in engines:
                    near = difflib.get_close_matches(engine, engines, 1)
                    hint = f"; did you mean '{near[0]}'?" if near else ""
                    where = source.at("models", name, role)
                    yield f"{where}: [models.\"{name}\"] names engine '{engine}', which is not there{hint}"
        if isinstance(model.speak, dict) and not model.speak:
            yield f'{source.at("models", name, "speak")}: [models."{name}"] speak names no engine'
        if not any(model.engines(role) for role in ROLES):
            where = source.at("models", name)
            yield f'{where}: [models."{name}"] names no engine: give it think, hear, speak or respond'
        for twice in known.intersection(model.aliases):
            yield f"{source.at('models', name, 'aliases')}: '{twice}' is the name of two models"
        known.update(model.aliases)
    if not all(config.server.keys):
        yield f"{source.at('server', 'keys')}: [server] keys: a key is empty"
