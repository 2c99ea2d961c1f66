"""Other people's clients, each in an environment of its own, against our server over a real socket.

They take minutes and the network the first time, so they are collected only where this folder is named:
`make compat`.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.compat.caller import calling
from vivavoce.catalogue import embedded

HERE = Path(__file__).parent
STOP_S = 60
KEY = "key-of-the-tests"
SAYS = "Hello there. It is a fine day."
HEARS = "what is the capital of france"
SCRIPT = f"""
[engines.script]
use = "scripted"
options = {{ says = "{SAYS}", hears = "{HEARS}", speech_ms = 21.705 }}
[engines.brain]
use = "openai"
options = {{ base_url = "%s", model = "caller" }}

[models."gpt-4o-mini-audio-preview"]
hear = "script"
think = "script"
speak = "script"
voices = {{ alloy = "alloy", echo = "echo" }}
[models."gpt-4o-audio-preview"]
hear = "script"
think = "brain"
speak = "script"
[models."whisper-1"]
hear = "script"
aliases = ["gpt-4o-transcribe", "gpt-4o-mini-transcribe"]
[models."tts-1"]
speak = "script"
aliases = ["tts-1-hd", "gpt-4o-mini-tts"]
"""
"""The first chat model says the same whatever it is asked; the second calls tools (see `caller`).

Pieces of sound are of such lengths that they cannot be joined unless the server cuts them anew.
"""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect nothing here unless this folder, or something in it, was named."""
    del collection_path
    named = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(HERE) for path in named) else True


@contextmanager
def serving(home: Path, *arguments: str) -> Iterator[str]:
    """Start `vivavoce serve` on a free port; its address."""
    command = [sys.executable, "-m", "vivavoce", "serve", "--port", "0", *arguments]
    environment = {**os.environ, "VIVAVOCE_HOME": str(home)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True, cwd=home) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            found = re.search(r"http://\S+:\d+", line)
            assert found, f"the server said: {line!r}"
            yield found[0]
        finally:
            server.terminate()
            server.wait(STOP_S)


@contextmanager
def script(home: Path, settings: str = "") -> Iterator[str]:
    """Start a server whose answers are known beforehand, with more settings; its address."""
    with calling() as brain:
        (home / "vivavoce.toml").write_text(settings + SCRIPT % brain)
        with serving(home) as url:
            yield url


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose answers are known beforehand."""
    with script(tmp_path_factory.mktemp("scripted")) as url:
        yield url


@pytest.fixture(scope="session")
def scripted_with_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same, for those who have `KEY`."""
    with script(tmp_path_factory.mktemp("key"), f'[server]\nkeys = ["{KEY}"]\n') as url:
        yield url


@pytest.fixture(scope="session")
def default(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the embedded engines, where their weights have been fetched."""
    weights = embedded.fetched()
    if weights is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the embedded weights are not here; `make test` fetches")
    home = tmp_path_factory.mktemp("default")
    (home / "weights").symlink_to(weights.parent)
    with serving(home) as url:
        yield url
