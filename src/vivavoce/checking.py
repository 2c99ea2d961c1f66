"""What is wrong with a configuration beyond its tables: its engines, their options, and what models want of them.

All of it is here, for `config check`, for a start and for SIGHUP. `check` starts nothing; what only an engine that
runs can tell is looked at again when it does, by the same `misfits`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from vivavoce import assembly, quotas
from vivavoce.account.guessed import FEWEST, SHORTEST, easily_guessed
from vivavoce.catalogue import pulled
from vivavoce.catalogue.files import FetchFailed
from vivavoce.config import ROLES, Config, EngineConfig, ModelConfig
from vivavoce.core.engines import Card
from vivavoce.declared import Asked, declared
from vivavoce.engines import extras, registry
from vivavoce.engines.child import EngineMissing
from vivavoce.kinds import Mistake, meant
from vivavoce.toml_errors import Problem, Source

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
OF_PROCESSES = ("workers", "load_s", "unload_after")
"""What says how an engine's own processes run."""


def check(config: Config) -> list[Problem]:
    """Everything that is wrong, or may be, with what is said of engines and models."""
    problems = [*exposed(config), *no_tier(config)]
    source = config.source
    if source is None:
        return problems
    mistakes: list[Mistake] = []
    asked: list[Asked] = []
    for name, settings in _written(config, source).items():
        try:
            point = registry.find(settings.use)
        except EngineMissing as missing:
            mistakes.append(
                (("engines", name, "use"), f"[engines.{name}] {missing}{meant(settings.use, registry.names())}")
            )
            continue
        if extra := extras.missing(settings.use):
            mistakes.append((("engines", name, "use"), f"[engines.{name}] pip install 'vivavoce[{extra}]'"))
        remote = point.group == registry.REMOTE
        options = settings.options if remote else _resolved(name, settings, mistakes)
        asked.append(Asked(("engines", name), point.value, options))
        problems += _without_effect(config, source, name) if remote else []
    told = declared(asked)
    absent = {steps for steps, _ in mistakes}
    mistakes += [each for one in told for each in source.besides(one.mistakes) if each[0] not in absent]
    problems += [config.problem(*mistake) for mistake in mistakes]
    problems += [config.problem(*each, "note") for one in told for each in source.besides(one.notes)]
    cards = {each.at[1]: one.card for each, one in zip(asked, told, strict=True) if one.card is not None}
    return [*problems, *_unused(config, source), *misfits(config, cards)]


def exposed(config: Config) -> Iterator[Problem]:
    """Who listens to other machines needs keys, and none that could be guessed. They are not said."""
    host, keys = config.server.host, config.server.keys
    if host in LOOPBACK:
        return
    where = f"{host} can be reached from other machines"
    if not keys:
        yield config.problem(("server", "host"), f"{where}: a key is needed, and the first start makes one", "note")
    easy = [str(number) for number, key in enumerate(keys, 1) if easily_guessed(key)]
    if easy:
        which = f"key {', '.join(easy)} is" if len(easy) == 1 else f"keys {', '.join(easy)} are"
        long = f"{SHORTEST} characters or more, {FEWEST} of them different"
        yield config.problem(("server", "keys"), f"{where}, and [server] {which} easily guessed: {long}")


def no_tier(config: Config) -> Iterator[Problem]:
    """A tier that is none, for keys that have none of their own."""
    tier, known = config.limits.tier, quotas.tier_names(config.tiers)
    if tier is not None and tier not in known:
        hint = meant(tier, known) or f"; known: {', '.join(known)}"
        yield config.problem(("limits", "tier"), f"[limits] tier: there is no tier '{tier}'{hint}")


def misfits(config: Config, cards: Mapping[str, Card]) -> Iterator[Problem]:
    """What models want of engines that these cannot do; only of engines whose cards are known."""
    for name, model in config.models.items():
        table = f'[models."{name}"]'
        for steps, role, engine in model.parts():
            card = cards.get(engine)
            if card is None:
                continue
            at = ("models", name, *steps) if _says(config, "models") else ("engines", engine)
            if role not in card.roles:
                yield config.problem(at, f"{table}: engine '{engine}' ({config.engines[engine].use}) cannot {role}")
            elif len(steps) > 1 and card.languages and not _speaks(steps[1], card):
                listed = ", ".join(card.languages)
                yield config.problem(
                    at, f"{table}: engine '{engine}' does not speak {steps[1]}, but {listed}", "warning"
                )
        yield from _voices(config, name, model, cards)


def _voices(config: Config, name: str, model: ModelConfig, cards: Mapping[str, Card]) -> Iterator[Problem]:
    """Names for voices that no engine of a model has."""
    voiced = assembly.voiced(model)
    if not voiced or not all(engine in cards for engine in voiced):
        return  # it never speaks, or what is wrong with one has been said
    silent = [engine for engine in voiced if not cards[engine].voices]
    known = {voice for engine in voiced for voice in cards[engine].voices}
    for given, voice in model.voices.items():
        at, said = ("models", name, "voices", given), f"[models.\"{name}\"]: {given} = '{voice}'"
        if voice in known:
            continue
        if silent:
            yield config.problem(at, f"{said} is not checked: engine '{silent[0]}' tells its voices only later", "note")
        else:
            yield config.problem(at, f"{said} names no voice; there are {', '.join(sorted(known))}")


def _says(config: Config, *steps: str) -> bool:
    return config.source is not None and config.source.holds(*steps)


def _speaks(language: str, card: Card) -> bool:
    return language == "default" or language.lower().split("-")[0] in card.languages


def _written(config: Config, source: Source) -> dict[str, EngineConfig]:
    """The engines that are as the file says: not the embedded ones, and not one that something else stands in for."""
    said = dict(source.texts("engines"))
    return {name: each for name, each in config.engines.items() if said.get(("engines", name, "use")) == each.use}


def _resolved(name: str, settings: EngineConfig, mistakes: list[Mistake]) -> dict[str, Any]:
    """An engine's options, with a path for each pulled model that is here."""
    options: dict[str, Any] = {}
    for key, value in settings.options.items():
        try:
            options |= pulled.resolved({key: value}, settings.use)
        except FetchFailed as missing:
            mistakes.append((("engines", name, "options", key), f"[engines.{name}] {missing}"))
            options[key] = value
    return options


def _without_effect(config: Config, source: Source, name: str) -> Iterator[Problem]:
    """What an engine that has no processes of its own was told of them."""
    for key in OF_PROCESSES:
        if source.holds("engines", name, key):
            said = f"[engines.{name}] {key} has no effect: {config.engines[name].use} has no processes here"
            yield config.problem(("engines", name, key), said, "warning")


def _unused(config: Config, source: Source) -> Iterator[Problem]:
    """Engines that nobody uses; a model that could not be read may."""
    used = assembly.engines_named(config)
    for steps, text in source.texts("models"):
        used |= {text} if len(steps) > 2 and steps[2] in ROLES else set()
    for name in _written(config, source):
        if name not in used:
            yield config.problem(("engines", name), f"[engines.{name}] is used by no model", "warning")
