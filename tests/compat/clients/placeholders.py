"""A pytest plugin for the OpenAI SDK's generated tests: what stands for anything in them becomes something true.

They are written for a server that makes answers up. Ours listens to recordings and looks completions and files up, so
a recording has to be one and an id has to be known. Nothing else of the tests is touched.
"""

import json
import os
import urllib.request
from collections.abc import Generator
from typing import Any

import checks
import pytest

CHAT = "/v1/chat/completions"


def recording() -> bytes:
    """Stands where they send `b"Example data"` to be heard."""
    return checks.recording()


def completion_id() -> str:
    """Stands where they name a stored completion; each test has one of its own, for some delete it."""
    # The SDK's type of a stored message knows the assistant's alone
    body = {"model": checks.MODEL, "store": True, "messages": [{"role": "assistant", "content": "Hello"}]}
    return made("/chat/completions", "application/json", json.dumps(body).encode())


def file_id(purpose: str = "user_data", words: str = "Example data") -> str:
    """Stands where they name a file."""
    part = '--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    form = part % ("purpose", purpose) + part % ("file", words) + "--x--\r\n"
    return made("/files", "multipart/form-data; boundary=x", form.encode())


def input_file_id(lines: int = 1) -> str:
    """Stands where they name the input of a batch."""
    body = {"model": checks.MODEL, "messages": [{"role": "user", "content": "Hello"}]}
    line = {"method": "POST", "url": CHAT, "body": body}
    return file_id("batch", "\n".join(json.dumps(line | {"custom_id": f"line-{number}"}) for number in range(lines)))


def batch_id() -> str:
    """Stands where they name a batch, of more lines than are answered before it is cancelled."""
    asked = {"input_file_id": input_file_id(50), "endpoint": CHAT, "completion_window": "24h"}
    return made("/batches", "application/json", json.dumps(asked).encode())


def made(path: str, kind: str, body: bytes) -> str:
    """The id of what our server makes of a request."""
    headers = {"content-type": kind, "authorization": "Bearer My API Key"}
    asked = urllib.request.Request(f"{os.environ['TEST_API_BASE_URL']}{path}", body, headers)  # noqa: S310 - our own
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
        return json.load(answer)["id"]


PLACEHOLDERS = {
    b"Example data": recording,
    "completion_id": completion_id,
    "file_id": file_id,
    "input_file_id": input_file_id,
    "batch_id": batch_id,
    "/v1/responses": lambda: CHAT,
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: Any) -> Generator[None, Any, Any]:
    """Put true things in while one test runs: a test's constants are part of its code."""
    function = item.obj.__func__
    code = function.__code__
    consts = [PLACEHOLDERS[const]() if const in PLACEHOLDERS else const for const in code.co_consts]
    function.__code__ = code.replace(co_consts=tuple(consts))
    try:
        return (yield)
    finally:
        function.__code__ = code
