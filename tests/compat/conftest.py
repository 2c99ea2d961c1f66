"""Other people's clients, each in an environment of its own, against our server over a real socket.

They take minutes and the network the first time, so they are collected only where this folder is named:
`make compat`.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.compat.caller import calling
from tests.compat.proxy import KEY as PROXY_KEY
from tests.compat.proxy import Proxy, proxying
from tests.support.weights import link_weights
from vivavoce.testing.serving import serving

HERE = Path(__file__).parent
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
aliases = ["gpt-6-astra", "gpt-4o-mini"]
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
"""The first chat model says the same whatever it is asked, and has the names that the SDK's generated tests use; the
second calls tools (see `caller`).

Pieces of sound are of such lengths that they cannot be joined unless the server cuts them anew.
"""

MODELS = ("gpt-4o-mini-audio-preview", "gpt-4o-audio-preview", "whisper-1", "gpt-4o-mini-transcribe", "tts-1")
"""Those of the script that the proxy has."""
GONE = "gone"
"""A model that the proxy has, of a server that is not there."""
ENGINE = """
[engines.%s]
use = "openai"
options = { base_url = "%s/v1", api_key = "%s", model = "%s" }
"""
ENGINES = {
    "there": "gpt-4o-mini-audio-preview",
    "caller": "gpt-4o-audio-preview",
    "ear": "whisper-1",
    "voice": "tts-1",
    "gone": GONE,
}
BEFORE = """
[models."gpt-4o-mini-audio-preview"]
respond = "there"
[models."gpt-4o-audio-preview"]
respond = "caller"
[models.cascade]
hear = "ear"
think = "there"
speak = "voice"
[models.cascade-that-calls]
hear = "ear"
think = "caller"
speak = "voice"
[models.gone]
respond = "gone"
[models.whisper-1]
hear = "ear"
[models.tts-1]
speak = "voice"
"""
"""A server all of whose engines are behind the proxy: it asks a whole model there, or for each of the roles."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect nothing here unless this folder, or something in it, was named."""
    del collection_path
    named = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(HERE) for path in named) else True


@contextmanager
def script(home: Path, settings: str = "") -> Iterator[str]:
    """Start a server whose answers are known beforehand, with more settings; its address."""
    with calling() as brain:
        (home / "vivavoce.toml").write_text(settings + SCRIPT % brain)
        with serving(home) as server:
            yield server.url


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
    home = tmp_path_factory.mktemp("default")
    link_weights(home)
    with serving(home) as server:
        yield server.url


@pytest.fixture(scope="session")
def proxy(scripted: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """LiteLLM's proxy before the server whose answers are known beforehand."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"http://127.0.0.1:{listener.getsockname()[1]}"
    models = [(model, scripted) for model in MODELS]
    with proxying(tmp_path_factory.mktemp("proxy"), [*models, (GONE, closed)]) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def before(proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server before the proxy, which is before the server whose answers are known."""
    home = tmp_path_factory.mktemp("before")
    engines = "".join(ENGINE % (name, proxy.url, PROXY_KEY, model) for name, model in ENGINES.items())
    (home / "vivavoce.toml").write_text(engines + BEFORE)
    with serving(home) as server:
        yield server.url
