"""Files, as the official client and others see them: sent, listed, fetched and deleted, by their own project alone."""

import asyncio
import errno
import io
import json
import os
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import APIStatusError, BadRequestError, NotFoundError

from tests.server.test_arriving import resident
from tests.support.serving import Served, Serving
from tests.support.steps import noting_steps
from tests.support.talking import code_of, line
from tests.support.waiting import until
from vivavoce.server.service import Access
from vivavoce.store.uploads import BLOCK_BYTES, Uploads

FILES = "/v1/files"
LINES = b'{"custom_id": "1"}\n'
MB = 1024 * 1024
DAY_S = 86_400
BEFORE = (
    b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
)
AFTER = b"\r\n--x--\r\n"
ODD_NAMES = ['a"; filename=b', "a\\b.jsonl", "häß €.jsonl", "a;b=c'.txt", "x\ty.txt", "a%0d%0aX-Bad: 1"]


def head(length: int | None) -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    kind = "Content-Type: multipart/form-data; boundary=x"
    return f"POST {FILES} HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n{size}\r\n\r\n".encode()


async def sent(served: Served, name: str = "a.jsonl", data: bytes = LINES, **fields: str) -> httpx2.Response:
    return await served.http.post(FILES, data={"purpose": "batch", **fields}, files={"file": (name, data)})


def on_disk(folder: Path) -> list[Path]:
    return [path for path in (folder / "uploads").rglob("*") if path.is_file()]


async def test_a_file_is_sent_described_listed_fetched_and_deleted(serving: Serving, tmp_path: Path) -> None:
    served = await serving()
    client = served.openai.files
    made = await client.create(file=("lines.jsonl", LINES), purpose="batch")
    assert (made.object, made.bytes, made.filename, made.purpose, made.status) == (
        "file", len(LINES), "lines.jsonl", "batch", "processed",
    )  # fmt: skip
    assert made.id.startswith("file-")
    assert await client.retrieve(made.id) == made
    assert [each async for each in client.list()] == [made]
    fetched = await client.content(made.id)
    assert fetched.read() == LINES
    assert fetched.response.headers["content-type"] == "application/octet-stream"
    assert fetched.response.headers["x-content-type-options"] == "nosniff"
    gone = await client.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "file", True)
    assert [each async for each in client.list()] == []
    assert on_disk(tmp_path) == []


@pytest.mark.parametrize("purpose", ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"])
async def test_files_for_batches_live_thirty_days_and_others_until_they_are_deleted(
    serving: Serving, purpose: str
) -> None:
    made = (await sent(await serving(), purpose=purpose)).json()
    lives = made["expires_at"] - made["created_at"] if "expires_at" in made else None
    assert lives == (30 * DAY_S if purpose == "batch" else None)


async def test_a_file_lives_as_long_as_was_said(serving: Serving) -> None:
    now = 1_000_000.0
    served = await serving(now=lambda: now)
    client = served.openai.files
    made = await client.create(
        file=("a", LINES), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert made.expires_at == made.created_at + 3600 == now + 3600
    as_json = json.dumps({"anchor": "created_at", "seconds": 2_592_000})
    assert (await sent(served, expires_after=as_json)).json()["expires_at"] == now + 30 * DAY_S
    now += 3600
    for call in (client.retrieve, client.content, client.delete):
        with pytest.raises(NotFoundError):
            await call(made.id)
    assert len((await client.list()).data) == 1


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"purpose": "batch_output"}, "purpose", "invalid_value"),
        ({"purpose": ""}, "purpose", "missing_required_parameter"),
        ({"expires_after[anchor]": "created_at"}, "expires_after.seconds", "missing_required_parameter"),
        ({"expires_after[seconds]": "3600"}, "expires_after.anchor", "missing_required_parameter"),
        (
            {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3599"},
            "expires_after.seconds",
            "integer_below_min_value",
        ),
        (
            {"expires_after[anchor]": "created_at", "expires_after[seconds]": "2592001"},
            "expires_after.seconds",
            "integer_above_max_value",
        ),
        ({"expires_after[anchor]": "now", "expires_after[seconds]": "3600"}, "expires_after.anchor", "invalid_value"),
        ({"expires_after": "soon"}, "expires_after", "invalid_type"),
    ],
)
async def test_what_cannot_be_kept_so_is_told_and_leaves_nothing(
    serving: Serving, tmp_path: Path, fields: dict[str, str], param: str, code: str
) -> None:
    refused = await sent(await serving(), **fields)
    error = refused.json()["error"]
    assert (refused.status_code, error["param"], error["code"]) == (400, param, code)
    assert on_disk(tmp_path) == []


async def test_a_form_without_a_file_and_what_is_no_form_are_told_apart(serving: Serving, tmp_path: Path) -> None:
    served = await serving()
    missing = await served.http.post(FILES, files={"purpose": (None, "batch")})
    assert (missing.status_code, missing.json()["error"]["param"]) == (400, "file")
    for other in (await served.http.post(FILES, json={"purpose": "batch"}), await served.http.post(FILES, files={})):
        assert other.status_code in (400, 415)
    assert on_disk(tmp_path) == []


async def test_files_are_listed_by_time_by_purpose_and_part_by_part(serving: Serving) -> None:
    now = 1_000_000.0
    served = await serving(now=lambda: now)
    made: list[str] = []
    for number in range(5):
        now += 1
        made.append((await sent(served, purpose="batch" if number % 2 else "vision")).json()["id"])
    client = served.openai.files
    assert [each.id async for each in client.list()] == made[::-1]
    assert [each.id async for each in client.list(limit=2, order="asc")] == made
    assert [each.id async for each in client.list(purpose="vision", limit=1)] == made[::2][::-1]
    assert [each.id async for each in client.list(purpose="unheard of")] == []
    page = await client.list(limit=2)
    raw: Any = (await served.http.get(FILES, params={"limit": 2})).json()
    assert (raw["first_id"], raw["last_id"], raw["has_more"], page.has_more) == (made[4], made[3], True, True)
    async for each in client.list(limit=1):  # deleted while it is listed
        await client.delete(each.id)
    assert (await client.list()).data == []


@pytest.mark.parametrize(
    ("wanted", "param"), [({"limit": 0}, "limit"), ({"limit": 10_001}, "limit"), ({"after": "file-x"}, "after")]
)
async def test_a_part_that_is_none_is_told_so(serving: Serving, wanted: dict[str, Any], param: str) -> None:
    refused = await (await serving()).http.get(FILES, params=wanted)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("odd", ["file-none", "file-" + "x" * 4000, "..%2F..%2Fetc%2Fpasswd", "file-%00", "%F0%9F%98"])
async def test_every_call_on_a_file_that_is_not_there_says_so(serving: Serving, odd: str) -> None:
    served = await serving()
    for method, path in (("GET", odd), ("GET", f"{odd}/content"), ("DELETE", odd)):
        answer = await served.http.request(method, f"{FILES}/{path}")
        error = answer.json()["error"]
        assert answer.status_code == 404
        if "%2F" not in odd:
            assert error["message"].startswith("No such File object: ")
            assert len(error["message"]) < 200
            assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", "id", None)


async def test_another_projects_file_is_as_one_that_never_was(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serving(access=Access(("key-a", "key-b"), loopback=False))
    ours, theirs = {"authorization": "Bearer key-a"}, {"authorization": "Bearer key-b"}
    made = await served.http.post(FILES, data={"purpose": "batch"}, files={"file": ("a", LINES)}, headers=ours)
    mine, nobodys = made.json()["id"], "file-" + "0" * 24
    steps = noting_steps(served.service.uploads._database, monkeypatch)
    for method, rest in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        seen: list[tuple[Any, ...]] = []
        for name in (mine, nobodys):
            answer = await served.http.request(method, f"{FILES}/{name}{rest}", headers=theirs)
            seen.append((answer.status_code, answer.text.replace(mine, nobodys), tuple(steps)))
            steps.clear()
        assert seen[0] == seen[1]
        assert seen[0][0] == 404
        assert seen[0][2] == ("read",)
    assert (await served.http.get(FILES, headers=theirs)).json()["data"] == []
    lost = [await served.http.get(FILES, params={"after": name}, headers=theirs) for name in (mine, nobodys)]
    assert lost[0].status_code == lost[1].status_code == 400
    assert (await served.http.get(f"{FILES}/{mine}/content", headers=ours)).content == LINES


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_a_name_is_said_back_and_cannot_leave_its_header(serving: Serving, name: str) -> None:
    served = await serving()
    made = (await sent(served, name)).json()
    fetched = await served.http.get(f"{FILES}/{made['id']}/content")
    said = fetched.headers["content-disposition"]
    assert said.isascii()
    assert said.isprintable()
    assert said.startswith('attachment; filename="')
    assert said.count('"') == 2
    assert "x-bad" not in fetched.headers


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..", "upload"),
        ("", "upload"),
        ("a/", "a"),
        ("x" * 255, "x" * 255),
    ],
)
async def test_a_name_is_never_a_path(serving: Serving, tmp_path: Path, given: str, kept: str) -> None:
    served = await serving()
    form = BEFORE.replace(b"a.jsonl", given.encode()) + LINES + AFTER
    answer = await served.http.post(FILES, content=form, headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.json()["filename"] == kept
    (only,) = on_disk(tmp_path)
    assert only.stem in answer.json()["id"]


async def test_a_name_without_end_is_refused(serving: Serving, tmp_path: Path) -> None:
    refused = await sent(await serving(), "x" * 256)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "string_above_max_length")
    assert on_disk(tmp_path) == []


async def test_memory_is_flat_however_large_a_file_is(serving: Serving) -> None:
    served = await serving(body_bytes=MB)
    size, piece = 120 * MB, os.urandom(MB)
    before = resident()
    async with line(served.port) as mine:
        await mine.say(head(len(BEFORE) + size + len(AFTER)) + BEFORE)
        for _ in range(size // MB):
            await mine.say(piece)
        await mine.say(AFTER)
        status, _, body = await mine.answer()
    assert (status, json.loads(body)["bytes"]) == (200, size)
    got = 0
    async with served.http.stream("GET", f"{FILES}/{json.loads(body)['id']}/content") as fetched:
        assert int(fetched.headers["content-length"]) == size
        async for data in fetched.aiter_bytes(MB):
            assert data == piece
            got += len(data)
    assert got == size
    assert resident() - before < 50 * MB


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_a_file_over_the_limit_is_refused_and_nothing_of_it_kept(
    serving: Serving, tmp_path: Path, chunked: bool
) -> None:
    served = await serving(file_bytes=2 * MB)
    whole = BEFORE + bytes(4 * MB) + AFTER
    async with line(served.port) as mine:
        await mine.say(head(None if chunked else len(whole)))
        await mine.say(b"%x\r\n%b\r\n0\r\n\r\n" % (len(whole), whole) if chunked else whole)
        status, _, body = await mine.answer()
    assert status == 413
    assert json.loads(body)["error"]["message"].startswith(f"413: Maximum content size limit ({2 * MB}) exceeded (")
    await until(lambda: on_disk(tmp_path) == [])
    assert (await sent(served, data=bytes(2 * MB))).status_code == 200


async def test_a_project_keeps_no_more_than_it_may_and_another_has_its_own_room(
    serving: Serving, tmp_path: Path
) -> None:
    served = await serving(access=Access(("key-a", "key-b")), files_bytes=3 * (1000 + BLOCK_BYTES))
    first = {"authorization": "Bearer key-a"}

    async def send(headers: dict[str, str]) -> httpx2.Response:
        return await served.http.post(
            FILES, data={"purpose": "batch"}, files={"file": ("a", bytes(1000))}, headers=headers
        )

    answers = await asyncio.gather(*(send(first) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [400] * 5
    refused = next(answer for answer in answers if answer.status_code == 400)
    assert refused.json()["error"]["code"] == "storage_limit_exceeded"
    assert len(on_disk(tmp_path)) == 3
    assert (await send({"authorization": "Bearer key-b"})).status_code == 200
    made = next(answer for answer in answers if answer.status_code == 200).json()["id"]
    await served.http.delete(f"{FILES}/{made}", headers=first)
    assert (await send(first)).status_code == 200


async def test_what_comes_in_at_once_takes_no_more_of_the_disk_than_one_project_may_keep(
    serving: Serving, tmp_path: Path
) -> None:
    served = await serving(files_bytes=4 * MB)
    async with line(served.port) as one, line(served.port) as other:
        for each in (one, other):
            await each.say(head(8 * MB) + BEFORE + bytes(2 * MB - 100_000))
        await until(lambda: sum(path.stat().st_size for path in on_disk(tmp_path)) > 3 * MB)
        await one.say(bytes(MB))
        assert await one.error() == (400, "storage_limit_exceeded")
    await until(lambda: on_disk(tmp_path) == [])


@pytest.mark.parametrize("how", ["leaves", "stops"])
async def test_an_upload_that_is_cut_leaves_nothing(serving: Serving, tmp_path: Path, how: str) -> None:
    served = await serving(silence_s=0.2)
    async with line(served.port) as mine:
        await mine.say(head(8 * MB) + BEFORE + bytes(MB))
        if how == "stops":
            status, _, body = await mine.answer()
            assert (status, code_of(body)) == (408, "request_timeout")
        else:
            await until(lambda: sum(path.stat().st_size for path in on_disk(tmp_path)) > 0)
    await until(lambda: not served.server.server_state.tasks)
    assert on_disk(tmp_path) == []
    assert (await served.http.get(FILES)).json()["data"] == []


async def test_a_server_that_ends_amid_an_upload_leaves_nothing(serving: Serving, tmp_path: Path) -> None:
    served = await serving(drain_s=0.05)
    async with line(served.port) as mine:
        await mine.say(head(8 * MB) + BEFORE + bytes(MB))
        await until(lambda: sum(path.stat().st_size for path in on_disk(tmp_path)) > 0)
        served.service.ending.tell()
        assert (await mine.answer())[0] == 503
    await until(lambda: on_disk(tmp_path) == [])


async def test_a_full_disk_is_told_and_leaves_nothing(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = await serving()
    wide = Uploads.temporary

    class Full(io.FileIO):
        def write(self, data: Any, /) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def narrow(uploads: Uploads) -> Any:
        path = wide(uploads)

        class Narrow(type(path)):  # type: ignore[misc]
            def open(self, *_: Any, **__: Any) -> Any:
                return Full(str(self), "w")

        return Narrow(path)

    monkeypatch.setattr(Uploads, "temporary", narrow)
    with pytest.raises(APIStatusError) as refused:
        await served.openai.with_options(max_retries=2).files.create(file=("a", LINES), purpose="batch")
    body: Any = refused.value.body
    assert (refused.value.status_code, body["type"], body["code"]) == (507, "server_error", "storage_full")
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert on_disk(tmp_path) == []
    monkeypatch.undo()
    assert (await sent(served)).status_code == 200


async def test_a_repeated_upload_with_its_key_is_one_file(serving: Serving, tmp_path: Path) -> None:
    served = await serving()
    key = {"idempotency-key": "once"}
    answers = [
        await served.http.post(FILES, data={"purpose": "batch"}, files={"file": ("a", LINES)}, headers=key)
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"
    other = await served.http.post(FILES, data={"purpose": "batch"}, files={"file": ("a", b"other")}, headers=key)
    assert other.status_code == 422
    assert len(list(tmp_path.glob("uploads/*/*"))) == 1
    assert len((await served.http.get(FILES)).json()["data"]) == 1


async def test_a_file_is_fetched_while_it_is_deleted(serving: Serving, tmp_path: Path) -> None:
    served = await serving()
    made = (await sent(served, data=bytes(20 * MB))).json()["id"]
    async with served.http.stream("GET", f"{FILES}/{made}/content") as fetched:
        assert (await served.http.delete(f"{FILES}/{made}")).json()["deleted"] is True
        assert len(await fetched.aread()) == 20 * MB
    assert on_disk(tmp_path) == []


async def test_who_leaves_while_it_reads_a_file_has_it_closed(serving: Serving) -> None:
    served = await serving()
    made = (await sent(served, data=bytes(40 * MB))).json()["id"]
    async with line(served.port) as mine:
        await mine.say(f"GET {FILES}/{made}/content HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await mine.reader.readexactly(1000)
    await until(lambda: not served.server.server_state.tasks)
    opened = [each.resolve() for each in Path("/proc/self/fd").iterdir()]
    assert not [path for path in opened if path.suffix == ".upload"]


async def test_a_bad_request_has_the_clients_own_error(serving: Serving) -> None:
    wrong: Any = "tuning"
    with pytest.raises(BadRequestError, match="Supported values are: 'assistants', 'batch'"):
        await (await serving()).openai.files.create(file=LINES, purpose=wrong)
