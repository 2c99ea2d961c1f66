"""Configuration to engines, engines to models: which engine plays which role for whom."""

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from vivavoce.config import Config, ConfigError, ModelConfig, snapshot
from vivavoce.core.audio import Pcm
from vivavoce.core.cascade import Cascade
from vivavoce.core.engines import Card, Hearing, Synthesizer, Utterance
from vivavoce.core.errors import PublicError
from vivavoce.core.listening import Piecewise
from vivavoce.core.models import Model, ModelCard
from vivavoce.core.speaking import ByLanguage, Phrased, Renamed
from vivavoce.core.turn import Message, Sampling, Text, Turn
from vivavoce.engines import registry
from vivavoce.engines.child import EngineMissing, Spec
from vivavoce.engines.pool import Pool
from vivavoce.engines.pooled import Pooled

CREATED = 1734393600
"""17 December 2024: when the snapshot these models stand in for was made, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that runs, and the pool it runs in where it has processes of its own."""

    name: str
    use: str
    itself: Any
    pool: Pool | None
    plays: frozenset[str]
    """The roles some model gives it."""

    @property
    def card(self) -> Card:
        """What it is and can do."""
        return self.itself.card()

    @property
    def at_once(self) -> int:
        """How many calls it serves at once."""
        return self.pool.places if self.pool is not None else self.card.parallel


def engines_named(config: Config) -> set[str]:
    """The engines that some model plays a role with; the others are not started."""
    return {name for model in config.models.values() for name in (model.hear, model.think, *speakers(model)) if name}


def _roles(config: Config, engine: str) -> frozenset[str]:
    """The roles that models give an engine."""
    found: set[str] = set()
    for model in config.models.values():
        found |= {"hear"} if model.hear == engine else set()
        found |= {"think"} if model.think == engine else set()
        found |= {"speak"} if engine in speakers(model) else set()
    return frozenset(found)


def speakers(model: ModelConfig) -> list[str]:
    """The engines it speaks with."""
    if isinstance(model.speak, dict):
        return list(model.speak.values())
    return [model.speak] if model.speak else []


def make(config: Config, named: Collection[str]) -> dict[str, Engine]:
    """The engines named, not started yet.

    Raises:
        EngineMissing: one is not installed, or its options are not its own.
    """
    engines: dict[str, Engine] = {}
    for name in sorted(named):
        settings, plays = config.engines[name], _roles(config, name)
        point = registry.find(settings.use)
        if point.group == registry.REMOTE:
            engines[name] = Engine(name, settings.use, registry.construct(point, settings.options), None, plays)
            continue
        spec = Spec(name, point.value, settings.options)
        pool = Pool(spec, workers=settings.workers, wait_s=config.limits.wait_ms / 1000)
        engines[name] = Engine(name, settings.use, Pooled(pool), pool, plays)
    return engines


def models(config: Config, engines: Mapping[str, Engine]) -> dict[str, Model]:
    """The models a configuration names, by each of their names."""
    found: dict[str, Model] = {}
    for name, settings in config.models.items():
        card = _card(settings, engines)
        hear = engines[settings.hear] if settings.hear else None
        speak = speaker(settings, engines) if settings.speak else None
        ears = Piecewise(hear.itself, hear.at_once) if hear else None
        think = engines[settings.think].itself if settings.think else None
        trim, heard_at_once = settings.on_overflow == "trim", hear.at_once if hear else 1
        responder = think and Cascade(hear and hear.itself, think, speak, ears=heard_at_once, trim=trim)
        for alias in (name, *settings.aliases):
            found[alias] = Model(alias, snapshot(alias), responder, card, CREATED, ears, speak)
    return found


def voices(settings: ModelConfig, engines: Mapping[str, Engine]) -> tuple[str, ...]:
    """The voices a model has: the names it gives them, then its engines' own."""
    own = [voice for name in dict.fromkeys(speakers(settings)) for voice in engines[name].card.voices]
    return tuple(dict.fromkeys([*settings.voices, *own]))


def _card(settings: ModelConfig, engines: Mapping[str, Engine]) -> ModelCard:
    speaking = [engines[name].card for name in dict.fromkeys(speakers(settings))]
    thinker = engines[settings.think].card if settings.think else Card()
    return ModelCard(
        hears=settings.hear is not None,
        speaks=settings.speak is not None,
        voices=voices(settings, engines),
        languages=tuple(dict.fromkeys(language for card in speaking for language in card.languages)),
        context=thinker.context,
        max_output=thinker.max_output,
    )


def speaker(settings: ModelConfig, engines: Mapping[str, Engine]) -> Phrased:
    """What speaks for a model."""
    return Phrased(_synthesizer(settings, engines), settings.language)


def _synthesizer(settings: ModelConfig, engines: Mapping[str, Engine]) -> Synthesizer:
    by_language = settings.speak if isinstance(settings.speak, dict) else {"default": settings.speak or ""}
    spoken = {language: _with_names(settings, engines[name]) for language, name in by_language.items()}
    otherwise = spoken.pop("default", next(iter(spoken.values())))
    return ByLanguage(spoken, otherwise) if spoken else otherwise


def _with_names(settings: ModelConfig, engine: Engine) -> Synthesizer:
    """An engine by the model's names for its voices. What it has no voice for, its first one says."""
    own = engine.card.voices

    def voice(name: str) -> str:
        meant = settings.voices.get(name, name)
        return own[0] if own and meant not in own else meant

    return Renamed(engine.itself, voice)


def check_model(name: str, settings: ModelConfig, engines: Mapping[str, Engine]) -> None:
    """Its engines must be able to do what it wants of them."""
    wanted = [("hear", settings.hear), ("think", settings.think), *(("speak", each) for each in speakers(settings))]
    for role, engine in wanted:
        if engine and role not in engines[engine].card.roles:
            raise ConfigError(f"[models.\"{name}\"]: engine '{engine}' ({engines[engine].use}) cannot {role}")
    known = {voice for each in speakers(settings) for voice in engines[each].card.voices}
    for given, voice in settings.voices.items():
        if known and voice not in known:
            listed = ", ".join(sorted(known))
            raise ConfigError(f"[models.\"{name}\"]: {given} = '{voice}' names no voice; there are {listed}")


async def first_answer(engine: Engine) -> None:
    """Have a process of ours answer once.

    Raises:
        EngineMissing: it does not.
    """
    try:
        await warm(engine)
    except PublicError as error:
        raise EngineMissing(f"engine '{engine.name}' does not answer: {error.message}") from None


async def warm(engine: Engine) -> None:
    """Have an engine answer once in each role a model gives it: what is loaded late is loaded now.

    Raises:
        PublicError: it does not answer.
    """
    roles, itself = engine.plays.intersection(engine.card.roles), engine.itself
    if "hear" in roles:
        async with aclosing(itself.transcribe(_silence(), Hearing())) as heard:
            async for _ in heard:
                pass
    if "think" in roles:
        turn = Turn((Message("user", (Text("Hi"),)),), sampling=Sampling(max_tokens=1))
        async with aclosing(itself.generate(turn)) as said:
            async for _ in said:
                pass
    if "speak" in roles:
        async with aclosing(itself.synthesize(Utterance("Hi.", next(iter(engine.card.voices), "")))) as sounds:
            async for _ in sounds:
                pass


async def _silence() -> AsyncGenerator[Pcm, None]:
    yield Pcm(bytes(16_000), 16_000)
