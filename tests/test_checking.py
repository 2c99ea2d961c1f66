"""What is wrong with a configuration beyond its tables: every mistake with its line, alone and all at once."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.conftest import SCRIPTED
from vivavoce import checking, config, declared
from vivavoce.cli.common import problems, settle
from vivavoce.config import Config, ConfigError, ServerConfig
from vivavoce.core.engines import Card
from vivavoce.declared import Asked
from vivavoce.engines import espeak

LATER = "whether its library knows it is told when it is loaded"
RIGHT = """\
[server]
host = "127.0.0.1"

[engines.brain]
use = "llama"
[engines.brain.options]
model = "weights.gguf"
context = 512

[engines.up]
use = "openai"
[engines.up.options]
base_url = "http://localhost:1/v1"
model = "$MODEL"

[engines.voice]
use = "espeak"

[engines.ear]
use = "sherpa-onnx"
options = { model = "folder" }

[models.talker]
hear = "ear"
think = ["up", "brain"]
aliases = ["chatty"]
[models.talker.speak]
default = "voice"
de = "voice"
[models.talker.voices]
anna = "alloy"
"""
MISTAKES = [
    (
        'host = "127.0.0.1"',
        'keys = ["sk-1234"]\nhost = "0.0.0.0"',
        2,
        "0.0.0.0 can be reached from other machines, and [server] key 1 is easily guessed: 20 characters or more, 8 of",
    ),
    ('use = "llama"', 'use = "lama"', 5, "[engines.brain] there is no engine 'lama'; installed: espeak, "),
    ('use = "llama"', 'use = "lama"', 5, "; did you mean 'llama'?"),
    ('model = "weights.gguf"', 'model = "there.gguf"', 7, "engines.brain.options.model: there.gguf: no such file"),
    ('model = "weights.gguf"', 'model = "qwen3-4b"', 7, "[engines.brain] qwen3-4b is not here yet: vivavoce"),
    ('model = "weights.gguf"', 'model = "hf:a/b/c.gguf"', 7, "[engines.brain] hf:a/b/c.gguf is not here yet"),
    ('model = "weights.gguf"', "", 6, "[engines.brain.options] lacks 'model'"),
    ("context = 512", 'mmproj = "there.gguf"', 8, "engines.brain.options.mmproj: there.gguf: no such file"),
    ("context = 512", 'template = "~/there.jinja"', 8, "engines.brain.options.template: ~/there.jinja: no such file"),
    ("context = 512", 'context = "512"', 8, "engines.brain.options.context: expected `int`, got `str`"),
    ("context = 512", "context = -1", 8, "engines.brain.options.context: expected `int` >= 0"),
    ("context = 512", "parallel = 0", 8, "engines.brain.options.parallel: expected `int` >= 1"),
    ('model = "$MODEL"', "connect_s = 0", 14, "engines.up.options.connect_s: expected `float` > 0.0"),
    ("context = 512", "contxt = 512", 8, "unknown key 'contxt' in [engines.brain.options]; did you mean 'context'?"),
    ('"http://localhost:1/v1"', '"localhost:1/v1"', 13, "engines.up.options.base_url: expected an address"),
    ('"$MODEL"', '"$NOT_SET"', 14, "$NOT_SET is not set in the environment"),
    ('options = { model = "folder" }', 'options = { model = "x" }', 21, "engines.ear.options.model: x: no such folder"),
    ('think = ["up", "brain"]', 'think = ["up", "voice"]', 25, "[models.\"talker\"]: engine 'voice' (espeak) cannot think"),  # noqa: E501
    ('think = ["up", "brain"]', 'think = ["up", "bran"]', 25, "names engine 'bran', which is not there; did you mean 'brain'"),  # noqa: E501
    ('aliases = ["chatty"]', 'language = "German"', 26, "models.talker.language: expected a language, such as en"),
    ('aliases = ["chatty"]', 'aliases = ["chatty", "chatty"]', 26, "'chatty' is the name of two models, or twice"),
    ('de = "voice"', 'de = "brain"', 29, "[models.\"talker\"]: engine 'brain' (llama) cannot speak"),
    ('anna = "alloy"', 'anna = "aloy"', 31, "[models.\"talker\"]: anna = 'aloy' names no voice; there are alloy"),
]  # fmt: skip
HARMLESS = [
    ('use = "openai"', 'use = "openai"\nworkers = 2', 12, "warning: [engines.up] workers has no effect: openai has"),
    ('use = "openai"', 'use = "openai"\nunload_after = 9', 12, "warning: [engines.up] unload_after has no effect"),
    ('use = "openai"', 'use = "openai"\nload_s = 9', 12, "warning: [engines.up] load_s has no effect"),
    ('think = ["up", "brain"]', 'think = "up"', 4, "warning: [engines.brain] is used by no model"),
    ('use = "espeak"', 'use = "flite"', 29, "warning: [models.\"talker\"]: engine 'voice' does not speak de, but en"),
    ('default = "voice"', 'default = "up"', 31, "note: [models.\"talker\"]: anna = 'zoe' is not checked: engine 'up'"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a folder with the weights, where every extra seems to be installed."""
    (tmp_path / "weights.gguf").touch()
    (tmp_path / "folder").mkdir()
    for module in ("sherpa_onnx", "faster_whisper"):
        (tmp_path / f"{module}.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL", "a-secret")
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("vivavoce.engines.libflite.installed", lambda: True)
    monkeypatch.setattr(checking, "declared", lambda asked: [declared.tell(each) for each in asked])
    monkeypatch.syspath_prepend(str(tmp_path))


def found(text: str) -> list[str]:
    Path("my.toml").write_text(text)
    return [str(problem) for problem in problems(Path("my.toml"))]


def test_nothing_is_wrong_with_what_is_right() -> None:
    assert found(RIGHT) == []
    assert problems(Path("my.toml")) == checking.check(config.load(Path("my.toml")))
    assert checking.check(Config()) == []


@pytest.mark.parametrize(("right", "wrong", "line", "said"), MISTAKES)
def test_a_mistake_is_one_error_with_its_line(right: str, wrong: str, line: int, said: str) -> None:
    assert right in RIGHT
    errors = [each for each in found(RIGHT.replace(right, wrong)) if "warning: " not in each]
    assert len(errors) == 1
    assert errors[0].startswith(f"my.toml:{line}: ")
    assert said in errors[0]


@pytest.mark.parametrize(("right", "wrong", "line", "said"), HARMLESS)
def test_what_is_no_error_keeps_nothing_from_running(right: str, wrong: str, line: int, said: str) -> None:
    assert right in RIGHT
    changed = RIGHT.replace(right, wrong)
    (told,) = found(changed.replace('"alloy"', '"zoe"') if said.startswith("note") else changed)
    assert told.startswith(f"my.toml:{line}: {said}")
    settle(Path("my.toml"), None, serving={})


def test_all_of_them_are_told_at_once_in_the_order_of_their_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    text = """\
[sever]
[server]
host = "0.0.0.0"
prot = 8000
[limits]
wait_ms = "soon"
body_mb = 0
[engines.brain]
use = "llama"
workers = 0
[engines.brain.options]
model = "qwen3-4b"
mmproj = "there.gguf"
contxt = 512
parallel = "four"
[engines.up]
use = "openai"
workers = 2
options = { base_url = "localhost", api_key = "$NOT_SET" }
[engines.ear]
use = "faster-whisper"
options = { model = "/there" }
[engines.voice]
use = "espaek"
[engines.spare]
use = "espeak"
[models.talker]
hear = "spare"
think = ["up", "bran"]
speak = "spare"
voices = { anna = "aloy" }
[models.other]
think = 5
aliases = ["talker"]
"""
    assert [each.partition("; installed")[0] for each in found(text)] == [
        "my.toml:1: unknown key 'sever'; did you mean 'server'?",
        "my.toml:3: note: 0.0.0.0 can be reached from other machines: a key is needed, and the first start makes one",
        "my.toml:4: unknown key 'prot' in [server]; did you mean 'port'?",
        "my.toml:6: limits.wait_ms: expected `float`, got `str`",
        "my.toml:7: limits.body_mb: expected `float` > 0.0",
        "my.toml:8: warning: [engines.brain] is used by no model",
        "my.toml:10: engines.brain.workers: expected `int` >= 1",
        "my.toml:12: [engines.brain] qwen3-4b is not here yet: vivavoce pull qwen3-4b",
        "my.toml:13: engines.brain.options.mmproj: there.gguf: no such file",
        "my.toml:14: unknown key 'contxt' in [engines.brain.options]; did you mean 'context'?",
        "my.toml:15: engines.brain.options.parallel: expected `int`, got `str`",
        "my.toml:18: warning: [engines.up] workers has no effect: openai has no processes here",
        "my.toml:19: $NOT_SET is not set in the environment",
        "my.toml:19: engines.up.options.base_url: expected an address, such as http://localhost:11434/v1",
        "my.toml:20: warning: [engines.ear] is used by no model",
        "my.toml:21: [engines.ear] pip install 'vivavoce[whisper]'",
        "my.toml:22: engines.ear.options.model: /there: no such folder",
        "my.toml:23: warning: [engines.voice] is used by no model",
        "my.toml:24: [engines.voice] there is no engine 'espaek'",
        "my.toml:28: [models.\"talker\"]: engine 'spare' (espeak) cannot hear",
        "my.toml:29: [models.\"talker\"] names engine 'bran', which is not there; did you mean 'brain'?",
        "my.toml:31: [models.\"talker\"]: anna = 'aloy' names no voice; there are " + ", ".join(sorted(espeak.VOICES)),
        "my.toml:33: models.other.think: expected `str | array | null`, got `int`",
        "my.toml:34: 'talker' is the name of two models, or twice that of one",
    ]


def test_an_extra_that_is_not_installed_is_said_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    text = RIGHT.replace('use = "sherpa-onnx"', 'use = "faster-whisper"').replace('"folder"', '"small"')
    assert found(text) == [
        "my.toml:20: [engines.ear] pip install 'vivavoce[whisper]'",
        f"my.toml:21: note: engines.ear.options.model: small: no such folder; {LATER}",
    ]


def test_the_embedded_models_use_the_files_engines() -> None:
    text = '[engines.brain]\nuse = "espeak"\n[engines.spare]\nuse = "espeak"\n'
    assert found(text) == [
        "my.toml:1: [models.\"gpt-4o-mini-audio-preview\"]: engine 'brain' (espeak) cannot think",
        "my.toml:3: warning: [engines.spare] is used by no model",
    ]


def test_an_engine_that_another_stands_in_for_is_not_looked_at() -> None:
    Path("my.toml").write_text('[engines.brain]\nuse = "llama"\nworkers = 2\noptions = { model = "gone" }\n')
    settled = settle(Path("my.toml"), "http://localhost:1/v1", serving={})
    assert settled.engines["brain"].use == "openai"
    with pytest.raises(ConfigError, match=r"my\.toml:4: .*no such file"):
        settle(Path("my.toml"), None, serving={})


def test_what_a_variable_holds_is_said_by_its_name() -> None:
    for right, wrong in (
        ('model = "weights.gguf"', 'model = "$MODEL"'),
        ('"http://localhost:1/v1"', '"$MODEL"'),
        ('base_url = "http://localhost:1/v1"', 'base_url = "http://localhost:1/v1"\ndialect = "$MODEL"'),
        ('anna = "alloy"', 'anna = "$MODEL"'),
        ('use = "llama"', 'use = "$MODEL"'),
    ):
        said = "\n".join(found(RIGHT.replace(right, wrong)))
        assert said
        assert "a-secret" not in said


def test_the_command_lines_address_counts() -> None:
    everywhere = 'host = "0.0.0.0"\nkeys = ["sk-1234"]'
    Path("my.toml").write_text(RIGHT.replace('host = "127.0.0.1"', everywhere))
    assert settle(Path("my.toml"), None, serving={"host": "127.0.0.1"}).server.host == "127.0.0.1"
    assert settle(Path("my.toml"), None).server.host == "0.0.0.0"  # noqa: S104 - it is not served
    keys = ["changeme", "a-good-key-of-many-letters", "aaaaaaaaaaaaaaaaaaaaaaaa"]
    (told,) = checking.exposed(Config(server=ServerConfig(host="192.0.2.1", keys=keys)))
    assert str(told).startswith(
        "192.0.2.1 can be reached from other machines, and [server] keys 1, 3 are easily guessed"
    )
    assert not list(checking.exposed(Config(server=ServerConfig(keys=keys))))


def misfits(cards: Mapping[str, Card]) -> list[str]:
    Path("my.toml").write_text(RIGHT)
    return [str(each) for each in checking.misfits(config.load(Path("my.toml")), cards)]


def test_what_only_a_running_engine_tells_has_its_line_too() -> None:
    speaks = Card(roles=("speak",), voices=("a", "b"), languages=("en", "fr"))
    assert misfits({}) == []
    assert misfits({"ear": speaks, "voice": speaks}) == [
        "my.toml:24: [models.\"talker\"]: engine 'ear' (sherpa-onnx) cannot hear",
        "my.toml:29: warning: [models.\"talker\"]: engine 'voice' does not speak de, but en, fr",
        "my.toml:31: [models.\"talker\"]: anna = 'alloy' names no voice; there are a, b",
    ]


def test_an_engine_that_ends_the_process_is_blamed_and_the_others_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("deadly.py").write_text("import os\nos.write(1, b'noise')\nos._exit(3)\n")
    Path("noisy.py").write_text("print('noise')\nclass Voice:\n    def synthesize(self): ...\n    class Options: ...\n")
    monkeypatch.setenv("PYTHONPATH", f"{Path.cwd()}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    targets = ["noisy:Voice", "deadly:Voice", "vivavoce.testing.scripted:Scripted", "absent:Voice"]
    asked = [Asked(("engines", target), target, {}) for target in targets]
    noisy, deadly, scripted, absent = declared.declared(asked)
    assert noisy.mistakes[0][0] == ("engines", "noisy:Voice", "options")
    assert deadly.mistakes == [
        (("engines", "deadly:Voice", "use"), "[engines.deadly:Voice] importing deadly:Voice ends the process")
    ]
    assert scripted.card == Card(roles=("hear", "think", "speak"), voices=("alloy", "echo"))
    assert absent.mistakes == [
        (("engines", "absent:Voice", "use"), "[engines.absent:Voice] ModuleNotFoundError: No module named 'absent'")
    ]


def test_an_engine_that_is_never_imported_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("slow.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", f"{Path.cwd()}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(declared, "LIMIT_S", 0.5)
    (told,) = declared.declared([Asked(("engines", "x"), "slow:Voice", {})])
    assert told.mistakes == [(("engines", "x", "use"), "[engines.x] importing slow:Voice takes longer than 0.5 s")]


def test_an_engine_that_foretells_nothing_may_play_what_it_has_methods_for() -> None:
    told = declared.tell(Asked(("engines", "x"), "vivavoce.engines.whisper:FasterWhisper", {"model": "small"}))
    assert told.card == Card(roles=("hear",))
    assert declared.tell(Asked(("engines", "x"), "vivavoce.engines.llama:Llama", {"model": ""})).card == Card(
        roles=("think",)
    )


def serving(file: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "vivavoce", "serve", "--config", str(file), "--port", "0", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


WRONG = (
    SCRIPTED.replace("says =", "say =")
    .replace('sam = "echo"', 'sam = "ecko"')
    .replace('think = "script"', 'think = "scrip"')
)
TOLD = [
    "my.toml:4: unknown key 'say' in [engines.script.options]; did you mean 'says'?",
    "my.toml:8: [models.\"talker\"] names engine 'scrip', which is not there; did you mean 'script'?",
    "my.toml:14: [models.\"writer\"] names engine 'scrip', which is not there; did you mean 'script'?",
]


def test_serve_tells_what_the_check_tells() -> None:
    Path("my.toml").write_text(WRONG)
    with serving(Path("my.toml")) as server:
        _, err = server.communicate(timeout=60)
    assert server.returncode == 1
    assert err.splitlines() == [f"vivavoce: {said}" for said in TOLD]


async def test_a_reload_tells_what_the_check_tells() -> None:
    Path("my.toml").write_text(f"[engines.spare]\nuse = 'espeak'\n{SCRIPTED}")
    with serving(Path("my.toml")) as server:
        try:
            assert server.stdout is not None
            assert server.stderr is not None
            assert "listens on" in await asyncio.to_thread(server.stdout.readline)
            assert await asyncio.to_thread(server.stderr.readline) == (
                "WARNING vivavoce: my.toml:1: warning: [engines.spare] is used by no model\n"
            )
            Path("my.toml").write_text(WRONG)
            server.send_signal(signal.SIGHUP)
            for said in TOLD:
                line = await asyncio.to_thread(server.stderr.readline)
                assert line == f"ERROR vivavoce: the configuration was not taken: {said}\n"
        finally:
            server.terminate()
            await asyncio.to_thread(server.communicate, timeout=30)
    assert server.returncode == 0
