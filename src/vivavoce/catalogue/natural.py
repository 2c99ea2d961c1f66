"""A good set of models for a machine. The bounds are rules of thumb, not measurements: `vivavoce selftest` measures."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from vivavoce.catalogue import recommended
from vivavoce.catalogue.files import FetchFailed
from vivavoce.catalogue.machine import Machine
from vivavoce.catalogue.pulling import Plan
from vivavoce.catalogue.recommended import Recommended
from vivavoce.catalogue.usage import Usage, quoted, voice_of

GB = 10**9
RESERVED = 2 * GB
"""Bytes of memory left to the server, the other engines and everything else."""
WORKING = 1.3
"""What a brain takes in memory, over the size of its file: a rule of thumb, with the room for conversations."""
ALL_LAYERS = 999
"""More than any brain has."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What would do well on a machine, before sizes are known."""

    ear: Recommended | None
    brains: tuple[Recommended, ...]
    """Of which the first that fits is taken."""
    voices: dict[str, Recommended]
    """By language."""
    language: str
    """The one asked for first: of text whose script does not tell."""
    memory: int
    """Bytes that a brain may take."""
    on_gpu: bool = False


def choose(machine: Machine, languages: Sequence[str], runs: Collection[str]) -> Choice:
    """What would do well, of what the engines that are installed (`runs`) can run."""
    gpu = max((gpu.bytes for gpu in machine.gpus), default=0)
    most = _billions(machine.cores, on_gpu=gpu > 4 * GB)
    brains = [each for each in recommended.ALL if each.role == "think" and each.billions <= most]
    ear = recommended.BY_NAME[_ear(machine)] if "faster-whisper" in runs else None
    voices = {language: voice for language in languages if (voice := _voice(language, machine.cores, runs))}
    return Choice(
        ear,
        tuple(sorted(brains, key=lambda each: -each.billions)) if "llama" in runs else (),
        voices,
        languages[0],
        gpu if gpu > 4 * GB else max(0, machine.free - RESERVED),
        gpu > 4 * GB,
    )


def fitting(choice: Choice, plan: Callable[[str], Plan]) -> tuple[Recommended, Plan]:
    """The largest brain that fits, by the size that it says now.

    Raises:
        FetchFailed: none does, or none can be asked.
    """
    for each in choice.brains:
        planned = plan(each.name)
        if planned.bytes * WORKING <= choice.memory:
            return each, planned
    raise FetchFailed("there is not enough free memory for any brain on the list")


def configuration(choice: Choice, brain: Recommended, models: dict[str, list[str]], *, flite: bool) -> str:
    """The TOML that uses them.

    Args:
        choice: what was chosen.
        brain: of the brains, the one that fits.
        models: names of the models, each with its aliases: one that talks, one that hears, one that speaks.
        flite: whether English, without a chosen voice, is said by Flite.
    """
    layers = f", gpu_layers = {ALL_LAYERS}" if choice.on_gpu else ""
    lines = [
        _engine("ear", choice.ear.use, f"model = {quoted(choice.ear.name)}")
        if choice.ear
        else _engine("ear", "pocketsphinx"),
        _engine("brain", brain.use, f"model = {quoted(brain.name)}{layers}"),
        _engine("voices", "espeak"),
    ]
    speak = {"default": "voices"}
    said_by: dict[str, str] = {}
    for language, voice in choice.voices.items():
        if voice.name not in said_by:  # one process speaks all its languages
            used = Usage(voice.use, voice.role, voice.name, language if len(voice.languages) == 1 else "")
            said_by[voice.name] = voice_of(language)
            lines.append(_engine(said_by[voice.name], voice.use, used.options))
        speak[language] = said_by[voice.name]
    if flite and "en" not in speak:
        speak["en"] = voice_of("en")
        lines.append(_engine(speak["en"], "flite"))
    said = ", ".join(f"{language} = {quoted(engine)}" for language, engine in speak.items())
    roles = {"talks": ("hear", "think", "speak"), "hears": ("hear",), "speaks": ("speak",)}
    values = {"hear": quoted("ear"), "think": quoted("brain"), "speak": f"{{ {said} }}"}
    for (name, aliases), plays in zip(models.items(), roles.values(), strict=True):
        table = [f"[models.{quoted(name)}]", *(f"{role} = {values[role]}" for role in plays)]
        table.append(f"aliases = [{', '.join(quoted(alias) for alias in aliases)}]")
        if "speak" in plays and choice.language != "en":
            table.append(f"language = {quoted(choice.language)}")
        lines.append("\n".join(table) + "\n")
    return "\n".join(lines)


def _engine(name: str, use: str, options: str = "") -> str:
    given = f"options = {{ {options} }}\n" if options else ""
    return f"[engines.{name}]\nuse = {quoted(use)}\n{given}"


def _billions(cores: int, *, on_gpu: bool) -> float:
    """Parameters of the largest brain that answers soon enough to talk to."""
    if on_gpu or cores >= 8:
        return 8
    return 4 if cores >= 4 else 1.5


def _ear(machine: Machine) -> str:
    if machine.gpus:
        return "whisper-turbo"
    return "whisper-small" if machine.cores >= 4 and machine.free > 4 * GB else "whisper-base"


def _voice(language: str, cores: int, runs: Collection[str]) -> Recommended | None:
    known = [
        each for each in recommended.ALL if each.role == "speak" and language in each.languages and each.use in runs
    ]
    if cores < 4:  # Kokoro is too slow there
        known = [each for each in known if each.name != "kokoro"] or known
    return known[0] if known else None
