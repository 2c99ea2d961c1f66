"""The configuration: TOML to structs, once. Unknown keys are errors with their line; `$NAME` is read here only."""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, cast

from msgspec import Meta, Struct, field, structs

from vivavoce.core.logs import Style
from vivavoce.core.phrases import FirstPiece
from vivavoce.kinds import Mistake, Steps, meant, readable, wrong
from vivavoce.prices import PriceConfig
from vivavoce.quotas import BatchesConfig, BudgetConfig, LimitsConfig, TierConfig
from vivavoce.toml_errors import Problem, Source, Weight, texts

T = TypeVar("T")
VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
Names: TypeAlias = str | Annotated[list[str], Meta(min_length=1)]
"""One engine, or several in the order in which they are tried."""
Role: TypeAlias = Literal["hear", "think", "speak", "respond"]
LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$"
PLACE = re.compile(r"at line (\d+)")
ROLES: tuple[Role, ...] = ("hear", "think", "speak", "respond")


class ConfigError(Exception):
    """A configuration that cannot be used; each of its messages says what and where, in one line."""

    def __init__(self, *said: str) -> None:
        super().__init__(*said)
        self.said = said

    def __str__(self) -> str:
        """All of it in one line."""
        return "; ".join(self.said)


class ServerConfig(Struct, forbid_unknown_fields=True):
    """`[server]`."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    keys: list[str] = field(default_factory=list[str])
    origins: list[str] = field(default_factory=list[str])
    strict: bool = False
    aiml: bool = False
    """The AI/ML API's keys beside every `error`, and its status 201."""
    meta_usage: bool = False
    """What a chat cost, in the answer and its headers, as the AI/ML API says it."""
    metrics: bool = True
    """Whether `/metrics` is there; it takes a key where calls do."""
    unready_s: Annotated[float, Meta(ge=0)] = 0
    drain_s: Annotated[float, Meta(ge=0)] = 30
    """Told to end it goes on as before for `unready_s`, but for its readiness, and then has so long to finish."""


class LogConfig(Struct, forbid_unknown_fields=True):
    """`[log]`."""

    format: Style = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"
    """`info` tells of each request."""


class StoreConfig(Struct, forbid_unknown_fields=True):
    """`[store]`."""

    url: Literal["sqlite"] = "sqlite"
    folder: str = ""
    """Where all of it is kept; unset: see `data_folder`. A folder serves one server at a time."""
    replies_hours: Annotated[float, Meta(ge=0)] = 24
    """How long an answer is given again to its `Idempotency-Key`; 0: the header is not looked at."""
    replies_mb: Annotated[float, Meta(gt=0)] = 1024
    completions_days: Annotated[int, Meta(ge=0, le=3650)] = 30
    """How long chats with `store: true` are kept; 0: none is."""
    completions: Annotated[int, Meta(ge=1, le=10_000_000)] = 10_000
    """How many of these chats."""
    files_mb: Annotated[float, Meta(gt=0)] = 10_240
    """Of all files of a project, with one that it sends."""
    heard_minutes: Annotated[float, Meta(ge=0, le=1440)] = 60
    """How long the words of a recording are kept, so that it need not be heard again; 0: they are not."""
    heard: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    """Of how many recordings."""
    heard_mb: Annotated[float, Meta(gt=0)] = 16
    """Of all these words."""


class EngineConfig(Struct, forbid_unknown_fields=True):
    """`[engines.NAME]`."""

    use: str
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    first_s: Annotated[float, Meta(gt=0)] | None = None
    """Seconds until it must have begun to answer; unset: 60 where it runs elsewhere, else no limit."""
    between_s: Annotated[float, Meta(gt=0)] | None = None
    """Seconds until it must have gone on; unset: 30 where it runs elsewhere, else no limit."""
    load_s: Annotated[float, Meta(gt=0)] = 300
    """Seconds until a local engine must have been loaded: a large model on a slow disk takes minutes."""
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
    language: Annotated[str, Meta(pattern=LANGUAGE, description="a language, such as en")] = "en"
    """ISO-639-1; of text whose script does not tell."""
    first_piece: FirstPiece = "clause"
    """What is said first of an answer: a clause or a phrase of it, or its whole first sentence."""
    on_overflow: Literal["refuse", "trim"] = "refuse"
    """What becomes of a conversation that is longer than the context."""
    price: PriceConfig | None = None
    """Unset: the original's, of the names it is known for."""

    def engines(self, role: Role) -> list[str]:
        """The engines that play a role, in the order in which they are tried; of every language where it speaks."""
        if role == "speak":
            return [name for names in self.speakers().values() for name in names]
        return _listed({"hear": self.hear, "think": self.think, "respond": self.respond}[role])

    def parts(self) -> Iterator[tuple[Steps, Role, str]]:
        """Every part that is given to an engine: the keys that lead to it from the model, the role, and the engine."""
        spoken = self.speakers() if isinstance(self.speak, dict) else {}
        for role in ROLES:
            for name in self.engines(role) if role != "speak" or not spoken else ():
                yield (role,), role, name
        for language, names in spoken.items():
            for name in names:
                yield ("speak", language), "speak", name

    def speakers(self) -> dict[str, list[str]]:
        """What speaks each language, or `default`."""
        by_language = self.speak if isinstance(self.speak, dict) else {"default": self.speak}
        return {language: _listed(names) for language, names in by_language.items() if names}


class Tables(Struct, forbid_unknown_fields=True):
    """What a file may hold."""

    server: ServerConfig = field(default_factory=ServerConfig)
    log: LogConfig = field(default_factory=LogConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    batches: BatchesConfig = field(default_factory=BatchesConfig)
    engines: dict[str, EngineConfig] = field(default_factory=dict[str, EngineConfig])
    models: dict[str, ModelConfig] = field(default_factory=dict[str, ModelConfig])
    tiers: dict[str, TierConfig] = field(default_factory=dict[str, TierConfig])
    budgets: dict[str, BudgetConfig] = field(default_factory=dict[str, BudgetConfig])


class Config(Tables):
    """A whole configuration."""

    source: Source | None = None
    """The file it was read from."""

    def problem(self, steps: Steps, said: str, weight: Weight = "error") -> Problem:
        """What is said of a value of it, with its line where it is the file's."""
        if self.source is None or not self.source.holds(*steps[:2]):
            return Problem(said, weight)
        return self.source.problem(steps, said, weight)


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
    config, problems = read(path)
    refuse(problems)
    return config


def read(path: Path | None) -> tuple[Config, list[Problem]]:
    """What of a file can be read, or the empty configuration, and everything that is wrong with the file.

    Raises:
        ConfigError: it is not TOML.
    """
    if path is None:
        return Config(), []
    source = _read(path)
    tables = readable(source.raw, Tables)
    mistakes = [*wrong(source.raw, Tables), *_wrong_names(tables, source)]
    mistakes = [*source.unset, *source.besides(mistakes)]
    return Config(**structs.asdict(tables), source=source), [source.problem(*mistake) for mistake in mistakes]


def refuse(problems: Iterable[Problem]) -> None:
    """Go on only where no problem is an error.

    Raises:
        ConfigError: one is; with all of them, by line.
    """
    errors = [problem for problem in problems if problem.weight == "error"]
    if errors:
        raise ConfigError(*map(str, in_order(errors)))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems by line, each once."""
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.line)


def data_folder(store: StoreConfig) -> Path:
    """Where what outlives a request is kept: where `[store] folder` says, else `$VIVAVOCE_HOME/data`, else `vivavoce`
    in the user's data folder."""
    if store.folder:
        return Path(store.folder).expanduser()
    if os.environ.get("VIVAVOCE_HOME"):
        return Path(os.environ["VIVAVOCE_HOME"]) / "data"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local/share") / "vivavoce"


def _read(path: Path) -> Source:
    """A file with every `$NAME` replaced by that variable, where it is set.

    Raises:
        ConfigError: it is not TOML.
    """
    data = path.read_bytes()
    try:
        text = data.decode()
        written = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}:{data[: error.start].count(10) + 1}: this is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        what, line = str(error), PLACE.search(str(error))
        number = line[1] if line else data.rstrip().count(10) + 1
        raise ConfigError(f"{path}:{number}: {what[0].lower()}{what[1:]}") from None
    variables = [each for each in texts(written) if VARIABLE.fullmatch(each[1]) and each[1][1:] not in os.environ]
    unset = tuple((steps, f"{name} is not set in the environment") for steps, name in variables)
    return Source(path, text, _with_secrets(written), written, unset)


def _with_secrets(value: T) -> T:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return cast("T", {key: _with_secrets(item) for key, item in items})
    if isinstance(value, list):
        return cast("T", [_with_secrets(item) for item in cast("list[Any]", value)])
    if isinstance(value, str) and VARIABLE.fullmatch(value):
        return cast("T", os.environ.get(value[1:], value))
    return value


def _wrong_names(tables: Tables, source: Source) -> Iterator[Mistake]:
    """Every engine a model names must be there, no name may stand for two models, and no key may be empty."""
    engines, known = source.keys("engines"), set(tables.models)
    for name, model in tables.models.items():
        at, table = ("models", name), f'[models."{name}"]'
        for steps, _, engine in model.parts():
            if engine not in engines:
                yield (*at, *steps), f"{table} names engine '{engine}', which is not there{meant(engine, engines)}"
        if isinstance(model.speak, dict) and not model.speak:
            yield (*at, "speak"), f"{table} speak names no engine"
        if not any(source.holds(*at, role) for role in ROLES):
            yield at, f"{table} names no engine: give it think, hear, speak or respond"
        for alias in model.aliases:
            if alias in known:
                yield (*at, "aliases"), f"'{alias}' is the name of two models, or twice that of one"
            known.add(alias)
    if not all(tables.server.keys):
        yield ("server", "keys"), "[server] keys: a key is empty"
