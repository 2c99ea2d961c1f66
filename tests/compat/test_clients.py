"""Each client's script, run in that client's own environment: what it asserts is in `clients/`."""

import platform
import subprocess

import pytest

from tests.compat.conftest import HEARS, SAYS
from tests.compat.environments import Client, environment
from tests.compat.proxy import PACKAGES

LIMIT_S = 180
ARCHITECTURE = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
OFFICIAL = Client("openai3", "openai_python.py", ("openai>=3.40,<4",))
CLIENTS = [
    OFFICIAL,
    Client("openai2", "openai_python.py", ("openai>=2,<3",)),
    Client("node", "openai_node.mjs", (f"node-linux-{ARCHITECTURE}@22", "openai@7")),
    Client("langchain", "langchain_chat.py", ("langchain-openai>=1.7,<2",)),
    Client("litellm", "litellm_sdk.py", PACKAGES),
    Client("pydantic_ai", "pydantic_ai_agent.py", ("pydantic-ai-slim[openai]>=2.68,<3",)),
    Client("instructor", "instructor_client.py", ("instructor>=1.17,<2",)),
    Client("agents", "agents_sdk.py", ("openai-agents[voice]>=0.24,<0.25",)),
    Client("curl", "curl.sh"),
]


def run(client: Client, url: str, limit_s: float = LIMIT_S, **extra: str) -> None:
    """Run its script; what it says when something is off is what the test fails with."""
    done = subprocess.run(
        client.command(), env=environment(url) | extra, timeout=limit_s, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{client.name}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_the_client_is_served(client: Client, scripted: str) -> None:
    run(client, scripted, VIVAVOCE_SAYS=SAYS, VIVAVOCE_HEARS=HEARS)


def test_the_official_client_is_served_by_the_embedded_default(default: str) -> None:
    run(OFFICIAL, default)
