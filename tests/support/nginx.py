"""nginx with the site we ship, as a plain user, on a free port of this machine in front of another."""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SITE = Path(__file__).parents[2] / "deploy" / "nginx.conf"
NOBODY = 65534
WHOLE = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log {level};
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def need() -> str:
    """The program; where there is none, skip what comes, or fail it where CI decides."""
    if NGINX is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("nginx is not installed: apt install nginx-light")
    return NGINX


def site(port: int, upstream: int, text: str = "") -> str:
    """The site we ship with other ports, each of which stands in it once."""
    text = text or SITE.read_text(encoding="utf-8")
    for here, there in (("listen 80;", f"listen 127.0.0.1:{port};"), ("127.0.0.1:8000", f"127.0.0.1:{upstream}")):
        assert text.count(here) == 1
        text = text.replace(here, there)
    return text


def plain_user() -> dict[str, int]:
    """Whom a process is to be started as, for `subprocess`: nobody, where we are root."""
    return {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}


@asynccontextmanager
async def in_front_of(upstream: int) -> AsyncIterator[tuple[str, Path]]:
    """nginx before a port: its address, and the folder with its error log and whatever it writes down."""
    program = need()
    folder = Path(tempfile.mkdtemp(prefix="vivavoce-nginx-"))  # pytest's own folders are closed to nobody
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            (folder / "site.conf").write_text(site(port, upstream))
            (folder / "nginx.conf").write_text(WHOLE.format(folder=folder, level="info"))
            folder.chmod(0o755)
            if os.geteuid() == 0:
                os.chown(folder, NOBODY, NOBODY)
            process = await asyncio.create_subprocess_exec(
                *(program, "-c", folder / "nginx.conf", "-e", folder / "error.log"),
                pass_fds=[listener.fileno()],
                env={**os.environ, "NGINX": f"{listener.fileno()};"},  # it takes this socket, which listens already
                **plain_user(),
            )
        try:
            yield f"http://127.0.0.1:{port}", folder
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
    finally:
        shutil.rmtree(folder)
