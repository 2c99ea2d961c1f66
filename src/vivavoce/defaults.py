"""What the configuration is where it does not say: the embedded engines, and the names clients know."""

import os
import re

import msgspec

from vivavoce.catalogue import usage
from vivavoce.config import Config, ConfigError, EngineConfig, ModelConfig, Names
from vivavoce.core.language import told_by_script
from vivavoce.core.processes import cores
from vivavoce.engines.options import ADDRESS

DEFAULT_MODEL = "gpt-4o-mini-audio-preview"
SNAPSHOTS = {
    "gpt-4o-mini-audio-preview": "gpt-4o-mini-audio-preview-2024-12-17",
    "gpt-4o-audio-preview": "gpt-4o-audio-preview-2025-06-03",
}
VOICES = (
    "alloy",
    "ash",
    "ballad",
    "cedar",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
)
"""The original's."""
MOST_WORKERS = 4
"""An ear takes 120 MB in each."""
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


def embedded(config: Config, weights: str, *, flite: bool) -> Config:
    """`config` with the embedded engines and models added, where it names no models of its own.

    Engines of the embedded ones' names take their places: `ear`, `brain`, `voices`, which speaks every language that
    has no voice, and `voice-de`, which speaks German. The first voice of a language that its script does not tell
    makes that the language of text in Latin letters.

    Args:
        config: as loaded.
        weights: the embedded brain's file; empty where another will think.
        flite: whether English is said by Flite, rather than eSpeak NG, where `config` has no voice for it.
    """
    if config.models:
        return config
    engines = {
        "ear": EngineConfig("pocketsphinx", workers=_share()),
        "brain": EngineConfig("llama", options={"model": weights}),
        "voices": EngineConfig("espeak", workers=_share()),
        **config.engines,
    }
    voices = usage.voices_in(config.engines)
    language = next((language for language in voices if not told_by_script(language)), "en")
    if flite and "en" not in voices and "voices" not in config.engines:
        voices["en"] = usage.voice_of("en")
        engines[voices["en"]] = EngineConfig("flite", workers=_share())
    speak: Names | dict[str, Names] = {"default": "voices", **voices} if voices else "voices"
    models = {
        DEFAULT_MODEL: ModelConfig("brain", "ear", speak, aliases=list(CHAT_NAMES), language=language),
        "whisper-1": ModelConfig(hear="ear", aliases=["gpt-4o-transcribe", "gpt-4o-mini-transcribe"]),
        "tts-1": ModelConfig(speak=speak, aliases=["tts-1-hd", "gpt-4o-mini-tts"], language=language),
    }
    return msgspec.structs.replace(config, engines=engines, models=models)


def _share() -> int:
    """How many processes an ear or a voice has: the brain has half of the cores, they each half of the rest."""
    return min(max(1, cores() // 4), MOST_WORKERS)


def thinking_at(config: Config, address: str) -> Config:
    """`config` with the OpenAI-compatible server at `URL[#model]` as every model's language model.

    Raises:
        ConfigError: it is not an address.
    """
    url, _, model = address.partition("#")
    if not re.match(ADDRESS, url):
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
