"""Which engines there are."""

from importlib.metadata import EntryPoint

import pytest

from vivavoce.engines import registry
from vivavoce.engines.child import EngineMissing
from vivavoce.engines.openai import OpenAICompatible


def test_ours_are_listed_and_found() -> None:
    ours = {"espeak", "faster-whisper", "flite", "llama", "openai", "pocketsphinx", "scripted", "sherpa-onnx"}
    assert ours <= set(registry.names())
    assert registry.find("espeak").group == registry.LOCAL
    assert registry.find("openai").group == registry.REMOTE


def test_what_is_not_installed_is_said_with_what_is() -> None:
    with pytest.raises(EngineMissing, match=r"there is no engine 'nobody'; installed: .*espeak, .*flite"):
        registry.find("nobody")


def test_a_remote_engine_is_made_with_its_options() -> None:
    made = registry.construct(registry.find("openai"), {"base_url": "http://x/v1"})
    assert isinstance(made, OpenAICompatible)


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("vivavoce.engines.openai:OpenAICompatible", {}, "options of 'it': Object missing required field `base_url`"),
        (
            "vivavoce.engines.openai:OpenAICompatible",
            {"base_url": "localhost/v1"},
            "options of 'it': Expected `str` matching",
        ),
        ("no.such:Thing", {}, "engine 'it': ModuleNotFoundError: No module named 'no'"),
        ("vivavoce.engines.openai:Nobody", {}, "engine 'it': AttributeError"),
    ],
)
def test_what_cannot_be_made_is_one_clear_line(target: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(EngineMissing) as missing:
        registry.construct(EntryPoint("it", target, registry.REMOTE), options)
    assert said in str(missing.value)
