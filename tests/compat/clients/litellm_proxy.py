"""LiteLLM's proxy on a listening socket that is already there, given by its file descriptor; asks nobody outside."""

import sys
from ipaddress import ip_address
from typing import Any

import uvicorn


def stay(event: str, told: tuple[Any, ...]) -> None:
    """Refuse what leaves this machine: names to look up, and addresses that are not its own."""
    if event == "socket.getaddrinfo":
        host = told[0]
    elif event == "socket.connect" and isinstance(told[1], tuple):
        host = told[1][0]
    else:
        return
    if not _here(host.decode() if isinstance(host, bytes) else host or "localhost"):
        sys.stderr.write(f"asked outside: {host}\n")
        sys.stderr.flush()
        raise ConnectionRefusedError(host)


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    sys.addaudithook(stay)
    uvicorn.run("litellm.proxy.proxy_server:app", fd=int(sys.argv[1]), log_level="warning")
