"""Configuration to engines, engines to models: which engine plays which role for whom."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from vivavoce.carrying import loads
from vivavoce.catalogue import pulled
from vivavoce.catalogue.files import FetchFailed
from vivavoce.config import ROLES, Config, EngineConfig, ModelConfig
from vivavoce.core.admitted import admitted
from vivavoce.core.breaker import Breaker, Guarded
from vivavoce.core.cascade import Cascade
from vivavoce.core.engines import Card, Speaker, Synthesizer
from vivavoce.core.listening import Piecewise
from vivavoce.core.models import Model, ModelCard
from vivavoce.core.recalling import How, Memory, Recalling
from vivavoce.core.speaking import ByLanguage, Phrased, Renamed
from vivavoce.core.watching import Watch, Watched
from vivavoce.core.wrappers import Fallback, Timed
from vivavoce.defaults import VOICES, snapshot
from vivavoce.engines import registry
from vivavoce.engines.child import EngineMissing, Spec
from vivavoce.engines.pool import Pool
from vivavoce.engines.pooled import Pooled
from vivavoce.prices import PRICES, price_of

ELSEWHERE_FIRST_S = 60.0
"""For an engine elsewhere: a prompt is read, a model may be loaded."""
ELSEWHERE_BETWEEN_S = 30.0
CREATED = 1734393600
"""17 December 2024: when the snapshot these models stand in for was made, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an engine may take, in seconds; None: as long as it likes."""

    first_s: float | None = None
    """Until its first event."""
    between_s: float | None = None
    """Until each event after that."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that runs, and the pool it runs in where it has processes of its own."""

    name: str
    use: str
    itself: Any
    pool: Pool | None
    plays: frozenset[str]
    """The roles some model gives it."""
    limits: Limits = Limits()
    watch: Watch | None = None
    """Who is told of its calls."""
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once one elsewhere has answered, which may be long after the start."""
    elsewhere: Breaker = field(default_factory=Breaker)
    """Its breaker, where it has no pool."""

    @property
    def breaker(self) -> Breaker:
        """Whether it is given a rest."""
        return self.elsewhere if self.pool is None else self.pool.breaker

    @property
    def there(self) -> bool:
        """Whether it can be asked, as far as is known."""
        if self.pool is not None:
            return self.pool.ready
        return self.answered.is_set() and self.breaker.state == "closed"

    @property
    def in_time(self) -> Any:
        """It, within its limits, not asked while it rests, and watched."""
        limits = self.limits
        timed = self.itself if limits == Limits() else Timed(self.itself, limits.first_s, limits.between_s)
        if self.pool is None:
            timed = Guarded(timed, self.elsewhere)
        return timed if self.watch is None else Watched(timed, self.name, self.watch)

    def looked_up(self, how: How) -> None:
        """Tell the watch, if any, how a recording came to its words. Who had them recalled is not in the ear's line."""
        turn = admitted()
        if how != "heard" and self.pool is not None and turn is not None:
            self.pool.load.coming.discard(turn)
        if self.watch is not None:
            self.watch.looked_up("heard", found=how != "heard")

    @property
    def hasty(self) -> "Engine":
        """It, where another stands in when it is full."""
        return self if self.pool is None else replace(self, itself=self.itself.hasty())

    @property
    def card(self) -> Card:
        """What it is and can do."""
        return self.itself.card()

    @property
    def takes_words(self) -> bool:
        """Whether it speaks words as they come."""
        return hasattr(self.itself, "speak")

    @property
    def says_pieces(self) -> bool:
        """Whether it speaks piece by piece."""
        return hasattr(self.itself, "synthesize")

    @property
    def at_once(self) -> int:
        """How many calls it serves at once."""
        return self.pool.places if self.pool is not None else self.card.parallel


def engines_named(config: Config) -> set[str]:
    """The engines that some model plays a role with; the others are not started."""
    return {engine for model in config.models.values() for _, _, engine in model.parts()}


def choices(config: Config) -> list[frozenset[str]]:
    """For each part of each model the engines that stand in for one another: it takes one of them."""
    found: list[frozenset[str]] = []
    for model in config.models.values():
        answering = [*model.engines("respond"), *model.engines("think")]
        found += [frozenset(each) for each in (answering, model.engines("hear"), *model.speakers().values()) if each]
    return found


def roles(config: Config, engine: str) -> frozenset[str]:
    """The roles that models give an engine."""
    return frozenset(role for model in config.models.values() for role in ROLES if engine in model.engines(role))


def make(config: Config, name: str) -> Engine:
    """An engine, not started yet.

    Raises:
        EngineMissing: it is not installed, or its options are not its own.
    """
    settings, plays = config.engines[name], roles(config, name)
    point = registry.find(settings.use)
    remote = point.group == registry.REMOTE
    first_s = settings.first_s or (ELSEWHERE_FIRST_S if remote else None)
    between_s = settings.between_s or (ELSEWHERE_BETWEEN_S if remote else None)
    limits = Limits(first_s, between_s)
    if remote:
        itself = registry.construct(point, settings.options)
        return Engine(name, settings.use, itself, None, plays, limits, elsewhere=Breaker(name))
    spec, wait_s = Spec(name, point.value, _with_paths(name, settings)), config.limits.wait_ms / 1000
    pool = Pool(spec, workers=settings.workers, wait_s=wait_s, start_s=settings.load_s, unload_s=settings.unload_after)
    return Engine(name, settings.use, Pooled(pool), pool, plays, limits)


def _with_paths(name: str, settings: EngineConfig) -> dict[str, Any]:
    """An engine's options, with a path for each pulled model that they name."""
    try:
        return pulled.resolved(settings.options, settings.use)
    except FetchFailed as error:
        raise EngineMissing(f"engine '{name}': {error}") from None


def models(config: Config, engines: Mapping[str, Engine], memory: Memory | None = None) -> dict[str, Model]:
    """The models a configuration names, by each of their names. What is heard is kept in `memory`."""
    found: dict[str, Model] = {}

    @cache
    def ear(engine: Engine) -> Recalling:
        return Recalling(engine.in_time, _identity(config.engines[engine.name], engine), memory, engine.looked_up)

    for name, settings in config.models.items():
        card = _card(settings, engines)
        hear = _first_of([ear(each) for each in _in_order([engines[name] for name in settings.engines("hear")])])
        speak = speaker(settings, engines) if settings.speak else None
        piecewise = Piecewise(hear, _at_once(settings, engines)) if hear else None
        responder = _responder(settings, engines, hear, speak)
        carried = loads(settings, {engine: each.pool for engine, each in engines.items()})
        for alias in (name, *settings.aliases):
            price = price_of(settings.price or PRICES.get(alias))
            model = Model(alias, snapshot(alias), responder, card, CREATED, piecewise, speak, price, carried)
            found[alias] = replace(model, limited_as=name, recalls=memory is not None)
    return found


def _identity(settings: EngineConfig, engine: Engine) -> str:
    """What an ear is known by: with another model, or other options, a recording is heard anew."""
    return f"{settings.use} {engine.card} {settings.options}"


def hearer(settings: ModelConfig, engines: Mapping[str, Engine]) -> Any:
    """What hears for a model; None where nothing does."""
    return _first_of([each.in_time for each in _in_order([engines[name] for name in settings.engines("hear")])])


def speaker(settings: ModelConfig, engines: Mapping[str, Engine]) -> Speaker:
    """What speaks for a model: an engine that takes words as they come by itself, any other piece by piece.

    Raises:
        EngineMissing: an engine is to speak one of several languages, and says no piece by itself.
    """
    speaking = settings.speakers()
    if not any(engines[name].takes_words for name in settings.engines("speak")):
        return _phrased(_synthesizer(settings, engines), settings)
    if len(speaking) == 1:
        (names,) = speaking.values()
        voices = [(engines[name], _with_names(settings, engines[name])) for name in names]
        return _first_of([voice if engine.takes_words else _phrased(voice, settings) for engine, voice in voices])
    for name in settings.engines("speak"):
        if not engines[name].says_pieces:
            why = "it takes words as they come, whose language is not known yet"
            raise EngineMissing(f"engine '{name}' cannot speak one of several languages: {why}")
    return _phrased(_synthesizer(settings, engines), settings)


def _phrased(voice: Synthesizer, settings: ModelConfig) -> Phrased:
    return Phrased(voice, settings.language, settings.first_piece)


def voices(settings: ModelConfig, engines: Mapping[str, Engine]) -> tuple[str, ...]:
    """The voices a model has: the names it gives them, then its engines' own; none: any may be asked for.

    Where none of them is a name of the original's, those may be asked for too: a client's code has one of them.
    """
    cards = [engines[name].card for name in voiced(settings)]
    if not settings.voices and not all(card.voices for card in cards):
        return ()
    known = dict.fromkeys([*settings.voices, *(voice for card in cards for voice in card.voices)])
    return tuple(known) if not known or known.keys() & set(VOICES) else (*known, *VOICES)


def voiced(settings: ModelConfig) -> list[str]:
    """The engines whose voices are heard."""
    return list(dict.fromkeys([*settings.engines("respond"), *settings.engines("speak")]))


def _responder(settings: ModelConfig, engines: Mapping[str, Engine], hear: Any, speak: Speaker | None) -> Any:
    """What answers for a model; the cascade, if there is one, after those that answer by themselves."""
    thinkers = _in_order([engines[name] for name in settings.engines("think")])
    native = _in_order([*(engines[name] for name in settings.engines("respond")), *thinkers[:1]])
    answering: list[Any] = [_with_names(settings, each) for each in native[: len(settings.engines("respond"))]]
    if thinkers:
        think = _first_of([engine.in_time for engine in thinkers])
        listens = all(engine.card.listens for engine in thinkers)
        ears, trim = _at_once(settings, engines), settings.on_overflow == "trim"
        answering.append(Cascade(hear, think, speak, ears=ears, listens=listens, trim=trim))
    return _first_of(answering)


def _in_order(engines: list[Engine]) -> list[Engine]:
    """Engines that stand in for one another: all but the last hand over when they are full."""
    return [*(engine.hasty for engine in engines[:-1]), *engines[-1:]]


def _first_of(engines: list[Any]) -> Any:
    """One engine as it is, several as one of which the next stands in for the one before; None where there is none."""
    return Fallback(engines) if len(engines) > 1 else next(iter(engines), None)


def _at_once(settings: ModelConfig, engines: Mapping[str, Engine]) -> int:
    """How many recordings it can hear at once."""
    return next((engines[name].at_once for name in settings.engines("hear")), 1)


def _card(settings: ModelConfig, engines: Mapping[str, Engine]) -> ModelCard:
    speaking = [engines[name].card for name in voiced(settings)]
    thinking = [engines[name].card for name in (*settings.engines("respond"), *settings.engines("think"))]
    thinker = next(iter(thinking), Card())
    return ModelCard(
        hears=bool(settings.hear or settings.respond or (thinking and all(card.listens for card in thinking))),
        speaks=bool(settings.speak or settings.respond),
        voices=voices(settings, engines),
        languages=tuple(dict.fromkeys(language for card in speaking for language in card.languages)),
        context=thinker.context,
        max_output=thinker.max_output,
    )


def _synthesizer(settings: ModelConfig, engines: Mapping[str, Engine]) -> Synthesizer:
    spoken = {
        language: _first_of([_with_names(settings, engines[name]) for name in names])
        for language, names in settings.speakers().items()
    }
    otherwise = spoken.pop("default", next(iter(spoken.values())))
    return ByLanguage(spoken, otherwise) if spoken else otherwise


def _with_names(settings: ModelConfig, engine: Engine) -> Renamed:
    """An engine by the model's names for its voices. What it has no voice for, its first one says."""
    own = engine.card.voices

    def voice(name: str) -> str:
        meant = settings.voices.get(name, name)
        return own[0] if own and meant not in own else meant

    return Renamed(engine.in_time, voice)
