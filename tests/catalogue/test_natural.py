"""A set for a machine: what is chosen, and the configuration that uses it."""

from pathlib import Path

import pytest

from vivavoce.catalogue import natural
from vivavoce.catalogue.files import FetchFailed
from vivavoce.catalogue.machine import Gpu, Machine
from vivavoce.catalogue.pulling import Plan, Wanted
from vivavoce.catalogue.recommended import ALL, BY_NAME
from vivavoce.config import load

GB = 10**9
ALL_ENGINES = {"llama", "faster-whisper", "sherpa-onnx"}
MODELS = {"talker": ["alias"], "whisper-1": [], "tts-1": []}
SMALL = Machine(2, 8 * GB, 6 * GB, [], [])
LARGE = Machine(16, 64 * GB, 60 * GB, [], [])
GPU = Machine(4, 16 * GB, 12 * GB, [Gpu("a GPU", 24 * GB)], [])


def sized(sizes: dict[str, int]) -> natural.Callable[[str], Plan]:
    """Plans as a hub would give them, without one."""
    return lambda name: Plan(name, Path("/w/x"), (Wanted(Path("/w/x"), Path("/x"), sizes.get(name, 10**8)),))


@pytest.mark.parametrize(
    ("machine", "brain", "ear"),
    [
        (SMALL, "qwen2.5-1.5b", "whisper-base"),
        (Machine(4, 16 * GB, 12 * GB, [], []), "qwen3-4b", "whisper-small"),
        (LARGE, "llama3.1-8b", "whisper-small"),
        (GPU, "llama3.1-8b", "whisper-turbo"),
        (Machine(4, 16 * GB, 12 * GB, [Gpu("old", 2 * GB)], []), "qwen3-4b", "whisper-turbo"),
    ],
)
def test_cores_and_gpus_bound_what_is_chosen(machine: Machine, brain: str, ear: str) -> None:
    choice = natural.choose(machine, ["en"], ALL_ENGINES)
    assert natural.fitting(choice, sized({}))[0].name == brain
    assert choice.ear is not None
    assert choice.ear.name == ear
    assert choice.on_gpu == (machine is GPU)


def test_a_brain_must_fit_into_the_memory_that_is_free() -> None:
    choice = natural.choose(Machine(16, 8 * GB, 6 * GB, [], []), ["en"], ALL_ENGINES)
    sizes = {"llama3.1-8b": 5 * GB, "qwen3-4b": 2_500_000_000}
    assert natural.fitting(choice, sized(sizes))[0].name == "qwen3-4b"
    tiny = natural.choose(Machine(1, GB, GB, [], []), ["en"], ALL_ENGINES)
    with pytest.raises(FetchFailed, match="not enough free memory"):
        natural.fitting(tiny, sized({}))


@pytest.mark.parametrize(("machine", "voice"), [(SMALL, "piper-en"), (LARGE, "kokoro")])
def test_voices_are_of_the_languages_asked_for(machine: Machine, voice: str) -> None:
    choice = natural.choose(machine, ["en", "de", "fi"], ALL_ENGINES)
    assert {language: each.name for language, each in choice.voices.items()} == {"en": voice, "de": "piper-de"}


@pytest.mark.parametrize("runs", [ALL_ENGINES, {"llama"}])
@pytest.mark.parametrize("languages", [["en"], ["de", "en"], ["fi"]])
@pytest.mark.parametrize("machine", [SMALL, GPU])
def test_the_configuration_can_be_loaded(
    tmp_path: Path, machine: Machine, languages: list[str], runs: set[str]
) -> None:
    choice = natural.choose(machine, languages, runs)
    brain = natural.fitting(choice, sized({}))[0]
    (tmp_path / "n.toml").write_text(natural.configuration(choice, brain, MODELS, flite=True))
    made = load(tmp_path / "n.toml")
    assert made.engines["brain"].options["model"] == brain.name
    assert ("gpu_layers" in made.engines["brain"].options) == (machine is GPU)
    assert made.engines["ear"].use == ("faster-whisper" if len(runs) > 1 else "pocketsphinx")
    assert list(made.models) == list(MODELS)
    assert made.models["talker"].aliases == ["alias"]
    speakers = made.models["talker"].speakers()
    assert set(speakers) >= {"default", "en"}
    assert [made.models[name].language for name in MODELS] == [languages[0], "en", languages[0]]
    if len(runs) > 1 and "de" in languages:
        assert made.engines[speakers["de"][0]].options == {"model": "piper-de", "language": "de"}


@pytest.mark.parametrize(
    ("languages", "runs", "speak"),
    [
        (["es"], {"llama"}, {"default": "voices"}),
        (["es"], ALL_ENGINES, {"default": "voices"}),
        (["es", "de"], ALL_ENGINES, {"default": "voices", "de": "voice-de"}),
        (["de", "es", "zh"], ALL_ENGINES, {"default": "voices", "de": "voice-de", "zh": "voice-zh"}),
        (["zh", "en"], ALL_ENGINES, {"default": "voices", "zh": "voice-zh", "en": "voice-zh"}),
    ],
)
def test_the_language_asked_for_first_is_the_models(
    tmp_path: Path, languages: list[str], runs: set[str], speak: dict[str, str]
) -> None:
    choice = natural.choose(LARGE, languages, runs)
    brain = natural.fitting(choice, sized({}))[0]
    (tmp_path / "n.toml").write_text(natural.configuration(choice, brain, MODELS, flite=False))
    made = load(tmp_path / "n.toml")
    talker = made.models["talker"]
    assert (talker.language, talker.speak) == (languages[0], speak)
    assert set(made.engines) == {"ear", "brain", *speak.values()}
    if "zh" in languages:
        assert made.engines["voice-zh"].options == {"model": "kokoro"}


def test_short_names_are_short_and_their_own() -> None:
    assert len(BY_NAME) == len(ALL) == len({each.reference for each in ALL})
    assert all("/" not in name and ":" not in name for name in BY_NAME)
