"""The configuration: TOML to structs, once. Unknown keys are errors with their line; `$NAME` is read here only."""

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, cast

import msgspec
from msgspec import Meta, Struct, field

from vivavoce.toml_errors import Source, explain

T = TypeVar("T")
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


TABLES: dict[str, type[Struct]] = {
    "": Config,
    "server": ServerConfig,
    "limits": LimitsConfig,
    "store": StoreConfig,
    "engines": EngineConfig,
    "models": ModelConfig,
}
"""The tables of a file by the first word of their headers."""


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
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    source = Source(path, text, _with_secrets(raw, path))
    try:
        config = msgspec.convert(source.raw, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(explain(error, source, TABLES)) from None
    _check_names(config, source)
    return config


def data_folder() -> Path:
    """Where what outlives a request is kept: `$VIVAVOCE_HOME/data`, else `vivavoce` in the user's data folder."""
    if os.environ.get("VIVAVOCE_HOME"):
        return Path(os.environ["VIVAVOCE_HOME"]) / "data"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local/share") / "vivavoce"


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


def _check_names(config: Config, source: Source) -> None:
    """Every engine a model names must be there, no name may stand for two models, and no key may be empty."""
    known: set[str] = set(config.models)
    for name, model in config.models.items():
        for role in ROLES:
            for engine in model.engines(role):
                if engine not in config.engines:
                    near = difflib.get_close_matches(engine, config.engines, 1)
                    hint = f"; did you mean '{near[0]}'?" if near else ""
                    where = source.at("models", name, role)
                    raise ConfigError(f"{where}: [models.\"{name}\"] names engine '{engine}', which is not there{hint}")
        if isinstance(model.speak, dict) and not model.speak:
            raise ConfigError(f'{source.at("models", name, "speak")}: [models."{name}"] speak names no engine')
        if not any(model.engines(role) for role in ROLES):
            where = source.at("models", name)
            raise ConfigError(f'{where}: [models."{name}"] names no engine: give it think, hear, speak or respond')
        twice = known.intersection(model.aliases)
        if twice:
            raise ConfigError(f"{source.at('models', name, 'aliases')}: '{twice.pop()}' is the name of two models")
        known.update(model.aliases)
    if not all(config.server.keys):
        raise ConfigError(f"{source.at('server', 'keys')}: [server] keys: a key is empty")
