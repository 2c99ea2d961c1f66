"""LiteLLM's proxy in a process of its own: before our server, and between two of them."""

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.compat.environments import Client, environment

PACKAGES = (
    "litellm[mcp]==1.106.2",  # one version: what docs/compatibility.md says of the proxy is true of it
    "fastapi>=0.136.3,<1",
    "uvicorn>=0.33,<1",
    "orjson>=3.11.6,<4",
    "python-multipart>=0.0.27,<1",
    "apscheduler>=3.11.2,<4",
    "websockets>=15.0.1,<16",
    "backoff>=2.2.1,<3",
    "redis>=5.2,<9",
    "expression>=5.6,<6",
    "fastapi-sso>=0.19,<1",
    "soundfile>=0.12.1,<1",
)
"""What LiteLLM's SDK needs, and what its proxy imports when it starts: half of `litellm[proxy]`."""
KEY = "sk-key-of-the-tests"
START_S = 120
OUTSIDE = "asked outside"


class Proxy(NamedTuple):
    """A proxy that runs."""

    url: str
    pid: int


@contextmanager
def proxying(home: Path, models: Iterable[tuple[str, str]], key: str = "any") -> Iterator[Proxy]:
    """Start it for these models, each with the server that has it and asks for `key`; stop it in the end."""
    settings = {
        "model_list": [
            {
                "model_name": name,
                "litellm_params": {"model": f"openai/{name}", "api_base": f"{url}/v1", "api_key": key},
            }
            for name, url in models
        ],
        # Else it waits as long as Retry-After says and asks again, and meanwhile no client hears of it
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    (home / "proxy.yaml").write_text(json.dumps(settings))  # JSON is YAML
    told = {name: value for name, value in environment("").items() if not name.startswith("LITELLM_")}
    told |= {"LITELLM_MASTER_KEY": KEY, "CONFIG_FILE_PATH": str(home / "proxy.yaml")}
    told["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its own prices, not those of the day
    with socket.create_server(("127.0.0.1", 0)) as listener, (home / "proxy.log").open("wb") as log:
        command = [*Client("litellm", "litellm_proxy.py", PACKAGES).command(), str(listener.fileno())]
        process = subprocess.Popen(
            command, pass_fds=[listener.fileno()], env=told, cwd=home, stdout=log, stderr=subprocess.STDOUT
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            _wait(process, url, home / "proxy.log")
            yield Proxy(url, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    said = (home / "proxy.log").read_text()
    assert OUTSIDE not in said, f"the proxy {said[said.index(OUTSIDE) :][:200]}"


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    """Until it answers; it has the listener from the start, and takes what comes once it is there."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health/liveliness", timeout=5):  # noqa: S310 - loopback
                return
        except OSError:
            pass
    raise AssertionError(f"the proxy did not start:\n{log.read_text()[-4000:]}")
