"""An engine whose extra is not installed: its options are known all the same, and what to do is one line."""

import importlib.util
import sys
import tomllib
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from vivavoce import declared
from vivavoce.engines import registry
from vivavoce.engines.child import EngineMissing, Spec
from vivavoce.engines.extras import EXTRAS, ExtraMissing, library, missing
from vivavoce.engines.pool import Pool
from vivavoce.engines.worker import why

ENGINES = [
    ("faster-whisper", "faster_whisper", "whisper"),
    ("sherpa-onnx", "sherpa_onnx", "sherpa"),
    ("transformers", "torch", "omni"),
]


@pytest.mark.parametrize(("use", "module", "extra"), ENGINES)
def test_a_missing_library_says_how_to_get_it(
    use: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    engine = registry.find(use).load()
    with pytest.raises(ExtraMissing) as missing:
        engine(engine.Options("somewhere"))
    assert why(missing.value) == f"pip install 'vivavoce[{extra}]'"


def test_a_library_that_is_there_is_imported() -> None:
    assert library("json").loads("1") == 1


@pytest.mark.parametrize(("use", "module", "extra"), ENGINES)
def test_what_is_missing_is_known_without_importing_it(
    use: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert missing(use) == extra
    assert missing("llama") == ""
    here = ModuleType("here")
    here.__spec__ = ModuleSpec("here", None)
    for each in EXTRAS[extra].modules:
        monkeypatch.setitem(sys.modules, each, here)
    assert missing(use) == ""


def test_the_extras_are_the_projects() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS) == set(project["optional-dependencies"]) - {"otel", "test", "test-browser"}
    assert {extra.engine for extra in EXTRAS.values()} <= set(project["entry-points"]["vivavoce.engines"])


@pytest.mark.parametrize(("use", "module", "extra"), ENGINES)
def test_its_options_are_checked_without_it(use: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    del extra
    monkeypatch.setitem(sys.modules, module, None)
    target = registry.find(use).value
    told = declared.tell(declared.Asked(("engines", "it"), target, {"model": "/nowhere", "colour": "red"}))
    assert [said.partition(";")[0] for _, said in told.mistakes] == [
        "unknown key 'colour' in [engines.it.options]",
        "engines.it.options.model: /nowhere: no such folder",
    ]


@pytest.mark.skipif(bool(importlib.util.find_spec("faster_whisper")), reason="faster-whisper is installed here")
async def test_the_process_says_it_in_one_line() -> None:
    pool = Pool(Spec("faster-whisper", "vivavoce.engines.whisper:FasterWhisper", {"model": "somewhere"}))
    with pytest.raises(EngineMissing) as missing:
        await pool.start()
    assert str(missing.value) == "engine 'faster-whisper': pip install 'vivavoce[whisper]'"
