"""The commands around pulled models, as people run them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import SCRIPTED, Run
from tests.support.ggufs import Tiny
from tests.support.hub import Hub, Repo, serving
from vivavoce import assembly
from vivavoce.catalogue.recommended import BY_NAME
from vivavoce.catalogue.references import OnHub, parse
from vivavoce.config import load
from vivavoce.defaults import DEFAULT_MODEL, embedded

GGUF = b"GGUF" + bytes(2000)
QWEN = "Qwen/Qwen2.5-0.5B-Instruct-GGUF"
FILE = "qwen2.5-0.5b-instruct-q4_k_m.gguf"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as running:
        running.repos[QWEN] = Repo({FILE: GGUF})
        yield running


@pytest.fixture
def at(hub: Hub) -> dict[str, str]:
    """The environment in which that hub is the hub."""
    return {"HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1", "HF_TOKEN": ""}


def test_pulling_prints_the_lines_that_use_it(run: Run, at: dict[str, str], tmp_path: Path) -> None:
    ran = run("pull", "qwen2.5-0.5b", **at)
    assert (ran.code, ran.err) == (0, "")
    assert ran.text == '[engines.brain]\nuse = "llama"\noptions = { model = "qwen2.5-0.5b" }\n'
    assert (tmp_path / "home/weights/hf" / QWEN / FILE).read_bytes() == GGUF
    listed = run("models", "--pulled").text
    assert listed.split("\t")[:4] == ["qwen2.5-0.5b", "2 kB", "apache-2.0", "-"]
    names = [line.split("\t") for line in run("pull", "--list").text.splitlines()]
    assert [cells[3] for cells in names if cells[0] == "qwen2.5-0.5b"] == ["here"]
    assert run("pull", f"hf:{QWEN}/{FILE}", **at).text == ran.text


WHISPER = Repo({"model.bin": GGUF, "config.json": b"{}", "tokenizer.json": b"{}", "vocabulary.txt": b""})
VOICE = Repo({"voice.onnx": GGUF, "tokens.txt": b"a 0"})


@pytest.mark.parametrize(
    "case",
    [
        ("qwen2.5-0.5b", Repo({FILE: GGUF}), "think", ""),
        ("hf:o/one", Repo({"a.gguf": GGUF}), "think", ""),
        ("whisper-base", WHISPER, "hear", ""),
        ("hf:o/whisper", WHISPER, "hear", ""),
        ("hf:o/ears", Repo({"encoder.onnx": GGUF, "joiner.onnx": GGUF, "tokens.txt": b"a 0"}), "hear", ""),
        ("piper-en", VOICE, "speak", "en"),
        ("piper-de", VOICE, "speak", "de"),
        ("piper-zh", VOICE, "speak", "zh"),
        ("kokoro", VOICE, "speak", "default"),
        ("hf:o/voice", VOICE, "speak", "default"),
    ],
)
def test_what_is_printed_takes_the_place_of_the_embedded_one(
    run: Run,
    at: dict[str, str],
    hub: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[str, Repo, str, str],
) -> None:
    name, repo, role, language = case
    reference = parse(BY_NAME[name].reference if name in BY_NAME else name)
    assert isinstance(reference, OnHub)
    hub.repos[reference.repo] = repo
    ran = run("pull", name, **at)
    assert (ran.code, ran.err) == (0, "")
    (tmp_path / "vivavoce.toml").write_text(ran.text)
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    for flite in (True, False):
        config = embedded(load(tmp_path / "vivavoce.toml"), "/weights", flite=flite)
        model = config.models[DEFAULT_MODEL]
        [playing] = {"think": [model.think], "hear": [model.hear]}.get(role) or model.speakers()[language]
        assert isinstance(playing, str)
        if role == "speak":
            assert model.language == {"de": "de"}.get(language, "en")
            assert len(model.speakers()) == 1 + (language != "default") + (flite and language in {"de", "zh"})
        made = assembly.make(config, playing)
        assert made.plays == {role}
        assert made.pool is not None
        opened = Path(made.pool.spec.options["model"])
        assert (tmp_path / "home/weights/hf" / reference.repo) in (opened, opened.parent)
        assert opened.is_file() == (role == "think")


def test_lines_of_several_models_go_together(run: Run, at: dict[str, str], hub: Hub, tmp_path: Path) -> None:
    voices = {
        each.repo: VOICE for name in ("piper-de", "piper-fr", "kokoro") if (each := parse(BY_NAME[name].reference))
    }
    hub.repos |= {"Systran/faster-whisper-base": WHISPER, **voices}
    names = ["whisper-base", "qwen2.5-0.5b", "kokoro", "piper-fr", "piper-de"]
    (tmp_path / "vivavoce.toml").write_text("".join(run("pull", name, **at).text for name in names))
    config = embedded(load(tmp_path / "vivavoce.toml"), "/weights", flite=True)
    assert {engine.options["model"] for engine in config.engines.values()} == set(names)
    model = config.models[DEFAULT_MODEL]
    assert model.speak == {"default": "voices", "fr": "voice-fr", "de": "voice-de"}
    assert (model.hear, model.think, model.language) == ("ear", "brain", "fr")


def test_a_brain_that_was_pulled_answers(run: Run, at: dict[str, str], hub: Hub, tmp_path: Path) -> None:
    made = Tiny([["\n", "Pulled", " and", " pasted."]]).write(tmp_path / "tiny.gguf")
    hub.repos[QWEN] = Repo({FILE: made.read_bytes()})
    (tmp_path / "vivavoce.toml").write_text(run("pull", "qwen2.5-0.5b", **at).text)
    ran = run("ask", "Hello")
    assert (ran.code, ran.text, ran.err) == (0, "Pulled and pasted.\n", "")


def test_a_model_whose_use_does_not_show_is_named_alone(run: Run, at: dict[str, str], hub: Hub) -> None:
    hub.repos["o/r"] = Repo({"config.json": b"{}"})
    assert run("pull", "hf:o/r", **at).text == 'model = "hf:o/r"\n'


@pytest.mark.parametrize("name", ["mmproj.gguf", "mmproj-model-f16.gguf", "model.MMPROJ-Q8_0.gguf"])
def test_an_encoder_is_named_as_the_option_that_takes_it(run: Run, at: dict[str, str], hub: Hub, name: str) -> None:
    hub.repos["o/r"] = Repo({name: GGUF})
    assert run("pull", f"hf:o/r/{name}", **at).text == f'mmproj = "hf:o/r/{name}"\n'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to pull"),
        (["qwen2.5-0.5"], "did you mean qwen2.5-0.5b?"),
        (["hf:o/none"], "the model hub has no o/none"),
        (["hf:o/r/x", "--include", "*"], "--include chooses files"),
    ],
)
def test_what_cannot_be_pulled_is_one_line(run: Run, at: dict[str, str], arguments: list[str], said: str) -> None:
    ran = run("pull", *arguments, **at)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, b"", 1)
    assert said in ran.err


def test_a_model_that_is_used_is_only_removed_by_force(run: Run, at: dict[str, str], tmp_path: Path) -> None:
    run("pull", "qwen2.5-0.5b", **at)
    used = '[engines.brain]\nuse = "llama"\noptions = { model = "hf:%s/%s" }\n' % (QWEN, FILE)  # noqa: UP031 - it has braces
    (tmp_path / "vivavoce.toml").write_text(SCRIPTED + used)
    assert run("models", "--pulled").text.split("\t")[3] == "brain"
    refused = run("remove", "qwen2.5-0.5b", "--yes")
    assert refused.code == 1
    assert "is used by engine 'brain'" in refused.err
    assert run("remove", "qwen2.5-0.5b", "--yes", "--force").code == 0
    assert run("models", "--pulled").text == ""
    assert "is not here; vivavoce models --pulled" in run("remove", "qwen2.5-0.5b", "--yes").err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["pull", "natural", "--yes", "--config", "nowhere/my.toml"], "nowhere: no such folder"),
        (["pull", "natural", "--yes", "--config", "taken.toml"], "taken-selftest.json: is a folder"),
        (["conform", "http://127.0.0.1:9", "--json", "nowhere/found.json"], "nowhere: no such folder"),
        (["selftest", "--json", "nowhere/found.json"], "nowhere: no such folder"),
    ],
)
def test_what_cannot_be_saved_is_said_before_anything_is_done(
    run: Run, tmp_path: Path, command: list[str], said: str
) -> None:
    (tmp_path / "taken-selftest.json").mkdir()
    ran = run(*command)
    assert (ran.code, ran.text, ran.err) == (1, "", f"vivavoce: {said}\n")


def test_nobody_to_ask_is_no_consent(run: Run, at: dict[str, str]) -> None:
    run("pull", "qwen2.5-0.5b", **at)
    ran = run("remove", "qwen2.5-0.5b")
    assert (ran.code, "--yes agrees to it" in ran.err) == (1, True)
    assert run("models", "--pulled").text != ""
    assert run("remove", "qwen2.5-0.5b", "--yes").code == 0


def test_a_model_that_was_not_pulled_is_one_line_at_the_start(run: Run, tmp_path: Path) -> None:
    (tmp_path / "vivavoce.toml").write_text(
        '[engines.brain]\nuse = "llama"\noptions = { model = "qwen2.5-0.5b" }\n[models.m]\nthink = "brain"\n'
    )
    ran = run("ask", "Hello")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert (
        ran.err
        == "vivavoce: vivavoce.toml:2: engine 'brain': qwen2.5-0.5b is not here yet: vivavoce pull qwen2.5-0.5b\n"
    )


def test_a_pulled_model_reaches_its_engine_as_a_path(run: Run, at: dict[str, str], tmp_path: Path) -> None:
    run("pull", "qwen2.5-0.5b", **at)
    (tmp_path / "vivavoce.toml").write_text(
        '[engines.brain]\nuse = "llama"\noptions = { model = "qwen2.5-0.5b" }\n[models.m]\nthink = "brain"\n'
    )
    ran = run("ask", "Hello")  # llama.cpp finds the file, and that it is no model
    assert ran.code == 1
    assert f"home/weights/hf/{QWEN}/{FILE}" in ran.err


def test_records_hold_no_secret(run: Run, at: dict[str, str], tmp_path: Path) -> None:
    run("pull", "qwen2.5-0.5b", **at | {"HF_TOKEN": "hf_secret"})
    records = list((tmp_path / "home/weights/pulled").glob("*.json"))
    assert [json.loads(record.read_text())["licence"] for record in records] == ["apache-2.0"]
    assert not any("hf_secret" in record.read_text() for record in records)
