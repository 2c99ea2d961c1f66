"""`/v1/batches`: asked for, read, worked on, ended in time or before it, and nobody else's."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from openai import ConflictError, NotFoundError
from openai.types import Batch

from tests.store.conftest import Clock
from tests.support.entries import entry
from tests.support.serving import MODEL, Served, Serving
from vivavoce.account.callers import ANYONE
from vivavoce.account.counters import InMemory
from vivavoce.account.keys import Wish
from vivavoce.account.limits import Limits, NoHistory
from vivavoce.account.rules import Rules
from vivavoce.account.tiers import Tier
from vivavoce.batches.keeping import House, Keeper
from vivavoce.store import clock as clocks
from vivavoce.store.batches import Batches, Leased
from vivavoce.store.uploads import Upload

CHAT = "/v1/chat/completions"
DAY_S = 86_400


def line(name: str, **changed: Any) -> dict[str, Any]:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}
    return {"custom_id": name, "method": "POST", "url": CHAT, "body": body} | changed


class Desk:
    """A server whose batches go on when the test says so, and whoever works on their lines."""

    def __init__(self, served: Served, clock: Clock) -> None:
        self.served = served
        self.clock = clock
        service = served.service
        self.states = service.batches
        house = House(service.model, service.callers().again, service.limits, service.body_bytes)
        self.keeper = Keeper(service.batches, service.uploads, house, clock)
        self.lines = Batches(service.batches._database, service.batches.files, clock)
        self._files = 0

    async def upload(self, *lines: Any, purpose: str = "batch", project: str = ANYONE) -> str:
        """A file of lines, each JSON or as it is; its id."""
        self._files += 1
        data = b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in lines)
        path = self.served.service.uploads.temporary()
        path.write_bytes(data)
        name = f"file-{self._files:024}"
        await self.served.service.uploads.keep(
            Upload(name, project, "asked.jsonl", purpose, len(data), int(self.clock.now), None), path
        )
        return name

    async def create(self, *lines: Any, endpoint: Any = CHAT, **more: Any) -> Batch:
        return await self.served.openai.batches.create(
            input_file_id=await self.upload(*lines), endpoint=endpoint, completion_window="24h", **more
        )

    async def created(self, *lines: Any, **more: Any) -> Batch:
        """One that was read."""
        made = await self.create(*lines, **more)
        await self.keeper.step()
        return await self.look(made)

    async def look(self, batch: Batch) -> Batch:
        return await self.served.openai.batches.retrieve(batch.id)

    async def finish(self, leased: Leased, status: int = 200) -> bool:
        row = entry(request=leased.request_id, batch=leased.batch, text_in=5, audio_out=7)
        return await self.lines.finish(leased, status, leased.request_id, b'{"said":"hello"}', row)

    async def lease(self, most: int = 100) -> list[Leased]:
        return await self.lines.lease("worker", most, 60)

    async def read(self, file_id: str | None, project: str = ANYONE) -> list[dict[str, Any]]:
        if file_id is None:
            return []
        path = await self.served.service.uploads.path(file_id, project)
        assert path is not None
        return [json.loads(each) for each in path.read_bytes().splitlines()]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def desk(serving: Serving, clock: Clock) -> Desk:
    return Desk(await serving(now=clock), clock)


async def test_a_batch_goes_from_its_file_to_its_results(desk: Desk) -> None:
    made = await desk.create(line("a"), line("b"), metadata={"for": "me"})
    assert (made.status, made.object, made.endpoint, made.completion_window) == ("validating", "batch", CHAT, "24h")
    assert (made.created_at, made.expires_at) == (desk.clock.now, desk.clock.now + DAY_S)
    assert made.metadata == {"for": "me"}
    desk.clock.now += 2
    await desk.keeper.step()
    begun = await desk.look(made)
    assert (begun.status, begun.in_progress_at, begun.model) == ("in_progress", desk.clock.now, f"{MODEL}-2024-12-17")
    assert begun.request_counts is not None
    assert begun.request_counts.total == 2
    one, two = await desk.lease()
    assert json.loads(one.body) == line("a")["body"]
    assert await desk.finish(one)
    assert await desk.finish(two, 400)
    desk.clock.now += 3
    await desk.keeper.step()
    done = await desk.look(made)
    assert (done.status, done.finalizing_at, done.completed_at) == ("completed", desk.clock.now - 3, desk.clock.now)
    assert done.request_counts is not None
    assert done.request_counts.model_dump() == {"total": 2, "completed": 1, "failed": 1}
    assert done.usage is not None
    assert (done.usage.input_tokens, done.usage.output_tokens, done.usage.total_tokens) == (10, 14, 24)
    (said,) = await desk.read(done.output_file_id)
    assert said == {
        "id": one.request_id.replace("req_", "batch_req_"),
        "custom_id": "a",
        "response": {"status_code": 200, "request_id": one.request_id, "body": {"said": "hello"}},
        "error": None,
    }
    (failed,) = await desk.read(done.error_file_id)
    assert (failed["custom_id"], failed["response"]["status_code"], failed["error"]) == ("b", 400, None)
    kept = await desk.served.service.uploads.find(done.output_file_id or "", ANYONE)
    assert kept is not None
    assert (kept.purpose, kept.expires_at) == ("batch_output", int(desk.clock.now) + 30 * DAY_S)


async def test_a_batch_goes_on_though_its_file_is_deleted(desk: Desk) -> None:
    made = await desk.create(line("a"))
    assert await desk.served.service.uploads.delete(made.input_file_id, ANYONE)
    await desk.keeper.step()
    (leased,) = await desk.lease()
    assert json.loads(leased.body) == line("a")["body"]


async def test_a_batch_whose_copy_is_gone_before_it_was_read_fails(desk: Desk) -> None:
    made = await desk.create(line("a"))
    desk.keeper._files.input(made.id).unlink()
    await desk.keeper.step()
    failed = await desk.look(made)
    assert failed.status == "failed"
    assert failed.errors is not None
    assert failed.errors.data is not None
    assert failed.errors.data[0].message == "The files of this batch are gone."


async def test_results_are_kept_as_long_as_was_asked(desk: Desk) -> None:
    made = await desk.created(line("a"), output_expires_after={"anchor": "created_at", "seconds": 3600})
    (leased,) = await desk.lease()
    assert await desk.finish(leased)
    await desk.keeper.step()
    kept = await desk.served.service.uploads.find((await desk.look(made)).output_file_id or "", ANYONE)
    assert kept is not None
    assert kept.expires_at == int(desk.clock.now) + 3600


async def test_ending_a_batch_can_be_done_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the process dies after its files are made, and before it is noted that they are."""
    made = await desk.created(line("a"), line("b"))
    one, two = await desk.lease()
    assert await desk.finish(one)
    assert await desk.finish(two, 500)

    async def die(*_: Any) -> bool:
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(desk.states, "close", die)
        for _ in range(2):
            await desk.keeper.step()
    assert (await desk.look(made)).status == "finalizing"
    await desk.keeper.step()
    done = await desk.look(made)
    assert done.status == "completed"
    assert [each["custom_id"] for each in await desk.read(done.output_file_id)] == ["a"]
    assert [each["custom_id"] for each in await desk.read(done.error_file_id)] == ["b"]
    with pytest.raises(ConflictError, match="Cannot cancel a batch with status 'completed'"):
        await desk.served.openai.batches.cancel(made.id)


async def test_a_batch_is_cancelled_and_what_was_done_of_it_is_kept(desk: Desk) -> None:
    made = await desk.created(*[line(f"c{n}") for n in range(5)])
    done, held = await desk.lease(2)
    assert await desk.finish(done)
    for _ in range(2):
        told = await desk.served.openai.batches.cancel(made.id)
        assert (told.status, told.cancelling_at) == ("cancelling", desk.clock.now)
    await desk.keeper.step()
    assert (await desk.look(made)).status == "cancelling"
    await desk.lines.give_back([held])
    await desk.keeper.step()
    ended = await desk.look(made)
    assert (ended.status, ended.cancelled_at) == ("cancelled", desk.clock.now)
    assert [each["custom_id"] for each in await desk.read(ended.output_file_id)] == ["c0"]
    left = await desk.read(ended.error_file_id)
    assert [each["custom_id"] for each in left] == ["c1", "c2", "c3", "c4"]
    assert {each["error"]["code"] for each in left} == {"batch_cancelled"}
    assert ended.request_counts is not None
    assert ended.request_counts.model_dump() == {"total": 5, "completed": 1, "failed": 4}
    assert (await desk.served.openai.batches.cancel(made.id)).status == "cancelled"


async def test_a_batch_ends_when_its_day_is_over(desk: Desk) -> None:
    made = await desk.created(line("a"), line("b"))
    done, late = await desk.lease()
    assert await desk.finish(done)
    desk.clock.now += DAY_S
    await desk.keeper.step()
    assert not await desk.finish(late)
    ended = await desk.look(made)
    assert (ended.status, ended.expired_at) == ("expired", desk.clock.now)
    assert [each["custom_id"] for each in await desk.read(ended.output_file_id)] == ["a"]
    (left,) = await desk.read(ended.error_file_id)
    assert (left["custom_id"], left["response"], left["error"]["code"]) == ("b", None, "batch_expired")


BAD: list[tuple[str, list[Any], list[tuple[int | None, str]]]] = [
    ("nothing", [], [(None, "empty_file")]),
    ("empty lines", [b"", b"  "], [(None, "empty_file")]),
    ("no JSON", [line("a"), b'{"custom_id": "b', line("c")], [(2, "invalid_json_line")]),
    ("no UTF-8", [line("a"), b'{"custom_id": "\xff"}'], [(2, "invalid_json_line")]),
    ("no object", [b"[1, 2]"], [(1, "invalid_type")]),
    ("no name", [line("a"), {"method": "POST", "url": CHAT, "body": {}}], [(2, "missing_required_parameter")]),
    ("empty name", [line("")], [(1, "empty_string")]),
    ("a name twice", [line("a"), b"", line("b"), line("a")], [(4, "duplicate_custom_id")]),
    ("another method", [line("a", method="GET")], [(1, "invalid_value")]),
    ("another endpoint", [line("a"), line("b", url="/v1/audio/speech")], [(2, "mismatched_endpoint")]),
    ("no body", [line("a", body=None)], [(1, "invalid_type")]),
    ("no model", [line("a", body={"messages": []})], [(1, "missing_required_parameter")]),
    ("an unknown model", [line("a", body={"model": "gpt-9"})], [(1, "model_not_found")]),
    ("streamed", [line("a", body={"model": MODEL, "stream": True})], [(1, "unsupported_parameter")]),
    (
        "many",
        [line(""), line("a"), b"{", line("a")],
        [(1, "empty_string"), (3, "invalid_json_line"), (4, "duplicate_custom_id")],
    ),
]


async def test_what_is_wrong_with_a_file_is_said_by_its_lines(desk: Desk) -> None:
    for what, lines, errors in BAD:
        failed = await desk.created(*lines)
        assert (failed.status, failed.failed_at) == ("failed", desk.clock.now), what
        assert failed.errors is not None
        assert [(each.line, each.code) for each in failed.errors.data or []] == errors, what
        assert all(each.message for each in failed.errors.data or [])
        assert (failed.output_file_id, failed.error_file_id) == (None, None)
    assert await desk.lease() == []


async def test_so_many_lines_are_taken_and_so_many_errors_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivavoce.batches.reading.MOST_LINES", 20)
    assert (await desk.created(*[line(f"c{n}") for n in range(20)])).status == "in_progress"
    failed = await desk.created(*[line(f"c{n}") for n in range(21)])
    assert failed.errors is not None
    assert [(each.line, each.code) for each in failed.errors.data or []] == [(21, "too_many_tasks")]
    failed = await desk.created(*[b"{" for _ in range(150)])
    assert failed.errors is not None
    assert [each.line for each in failed.errors.data or []] == list(range(1, 101))


async def test_a_file_that_is_too_large_is_not_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(json.dumps(line("a"))) + 1
    monkeypatch.setattr("vivavoce.batches.reading.MOST_BYTES", 2 * size)
    assert (await desk.created(line("a"), line("b"))).status == "in_progress"
    failed = await desk.created(line("a"), line("b"), b"")
    assert failed.errors is not None
    assert [(each.line, each.code) for each in failed.errors.data or []] == [(None, "file_too_large")]


async def test_a_line_may_be_as_long_as_a_request_and_no_longer(serving: Serving, clock: Clock) -> None:
    desk = Desk(await serving(now=clock, body_bytes=1000), clock)
    long = line("b", body={"model": MODEL, "messages": [{"role": "user", "content": "x" * 5000}]})
    failed = await desk.created(line("a"), long, line("a"))
    assert failed.errors is not None
    told = [(each.line, each.code) for each in failed.errors.data or []]
    assert told == [(2, "line_too_long"), (3, "duplicate_custom_id")]


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"endpoint": "/v1/embeddings"}, 400, "endpoint"),
    ({"completion_window": "1h"}, 400, "completion_window"),
    ({"input_file_id": None}, 400, "input_file_id"),
    ({"input_file_id": "file-unknown00"}, 404, "input_file_id"),
    ({"input_file_id": "../../etc/passwd"}, 404, "input_file_id"),
    ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, 400, "output_expires_after.seconds"),
    ({"output_expires_after": {"anchor": "now", "seconds": 3600}}, 400, "output_expires_after.anchor"),
    ({"metadata": {"a": 1}}, 400, "metadata.a"),
]


async def test_a_batch_that_cannot_be_is_refused(desk: Desk) -> None:
    asked = {"input_file_id": await desk.upload(line("a")), "endpoint": CHAT, "completion_window": "24h"}
    for changed, status, param in REFUSED:
        refused = await desk.served.http.post("/v1/batches", json=asked | changed)
        assert (refused.status_code, refused.json()["error"]["param"]) == (status, param), changed


async def test_a_file_for_something_else_is_refused(desk: Desk) -> None:
    name = await desk.upload(line("a"), purpose="user_data")
    asked = {"input_file_id": name, "endpoint": CHAT, "completion_window": "24h"}
    refused = await desk.served.http.post("/v1/batches", json=asked)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "input_file_id")


async def test_batches_are_listed_newest_first_and_part_by_part(desk: Desk) -> None:
    made = []
    for n in range(5):
        made.append((await desk.create(line("a"))).id)
        desk.clock.now += n % 2
    found = [each.id async for each in desk.served.openai.batches.list(limit=2)]
    assert found == made[::-1]
    for query in ("after=batch_none", "limit=0", "limit=101"):
        assert (await desk.served.http.get(f"/v1/batches?{query}")).status_code == 400


async def test_what_is_no_batch_of_ours_is_not_found(desk: Desk) -> None:
    await desk.create(line("a"))
    for odd in ("batch_none", "%2e%2e", "batch_%00", "x" * 4096, "file-1"):
        assert (await desk.served.http.get(f"/v1/batches/{odd}")).status_code == 404
        assert (await desk.served.http.post(f"/v1/batches/{odd}/cancel", json={})).status_code == 404


async def test_a_batch_of_another_project_does_not_exist(serving: Serving, clock: Clock) -> None:
    served = await serving(now=clock)
    keys = {name: (await served.service.keys.create(Wish(name, name))).value for name in ("ours", "theirs")}
    desk = Desk(served, clock)
    served.openai.api_key = keys["ours"]
    name = await desk.upload(line("a"), project="ours")
    mine = await served.openai.batches.create(input_file_id=name, endpoint=CHAT, completion_window="24h")
    served.openai.api_key = keys["theirs"]
    for asked in (
        served.openai.batches.retrieve(mine.id),
        served.openai.batches.cancel(mine.id),
        served.openai.batches.create(input_file_id=name, endpoint=CHAT, completion_window="24h"),
    ):
        with pytest.raises(NotFoundError):
            await asked
    assert [each async for each in served.openai.batches.list()] == []
    with pytest.raises(Exception, match="is not one of the batches"):
        await served.openai.batches.list(after=mine.id)
    await desk.keeper.step()
    (leased,) = await desk.lease()
    assert await desk.finish(leased)
    await desk.keeper.step()
    served.openai.api_key = keys["ours"]
    done = await desk.look(mine)
    assert done.output_file_id is not None
    assert await served.service.uploads.find(done.output_file_id, "theirs") is None
    assert [each["custom_id"] for each in await desk.read(done.output_file_id, "ours")] == ["a"]


async def test_a_key_has_its_models_alone_and_a_batch_needs_one_that_lives(serving: Serving, clock: Clock) -> None:
    served = await serving(now=clock)
    desk = Desk(served, clock)
    made = await served.service.keys.create(Wish("few", "ours", models=["another"]))
    served.openai.api_key = made.value

    async def created() -> Batch:
        name = await desk.upload(line("a"), project="ours")
        return await served.openai.batches.create(input_file_id=name, endpoint=CHAT, completion_window="24h")

    batch = await created()
    await desk.keeper.step()
    failed = await desk.look(batch)
    assert failed.errors is not None
    assert [each.code for each in failed.errors.data or []] == ["model_not_found"]
    batch = await created()
    other = await served.service.keys.create(Wish("other", "ours"))
    assert await served.service.keys.revoke(made.key.id)
    await desk.keeper.step()
    served.openai.api_key = other.value
    failed = await desk.look(batch)
    assert failed.errors is not None
    assert [each.code for each in failed.errors.data or []] == ["invalid_api_key"]


def limits(queue: int | None) -> Limits:
    return Limits(Rules((Tier("one", queue=queue),), "one"), InMemory(clocks.running), NoHistory(), clocks.now)


async def with_key(served: Served, clock: Clock) -> tuple[Desk, Callable[[int], Awaitable[Batch]]]:
    """A desk, and what makes a batch of so many lines of 8 tokens and has it read."""
    made = await served.service.keys.create(Wish("k", "ours"))
    served.openai.api_key = made.value
    desk = Desk(served, clock)

    async def created(lines: int) -> Batch:
        name = await desk.upload(*[line(f"c{n}") for n in range(lines)], project="ours")
        batch = await served.openai.batches.create(input_file_id=name, endpoint=CHAT, completion_window="24h")
        await desk.keeper.step()
        return await desk.look(batch)

    return desk, created


async def test_no_more_prompts_wait_than_the_tier_has_room_for(serving: Serving, clock: Clock) -> None:
    desk, created = await with_key(await serving(now=clock, limits=limits(24)), clock)
    first = await created(2)
    assert first.status == "in_progress"
    over = await created(2)
    assert over.status == "failed"
    assert over.errors is not None
    (error,) = over.errors.data or []
    assert error.code == "token_limit_exceeded"
    assert error.message is not None
    assert "Limit: 24 enqueued tokens" in error.message
    assert (await created(1)).status == "in_progress"
    assert (await created(1)).status == "failed"
    await desk.served.openai.batches.cancel(first.id)
    await desk.keeper.step()
    assert (await desk.look(first)).status == "cancelled"
    assert (await created(2)).status == "in_progress"
    assert (await created(1)).status == "failed"


async def test_a_tier_without_a_queue_has_no_batches(serving: Serving, clock: Clock) -> None:
    _, created = await with_key(await serving(now=clock, limits=limits(0)), clock)
    failed = await created(1)
    assert failed.errors is not None
    assert [each.code for each in failed.errors.data or []] == ["token_limit_exceeded"]


async def test_what_waits_is_counted_again_after_a_restart(serving: Serving, clock: Clock) -> None:
    served = await serving(now=clock, limits=limits(24))
    desk, created = await with_key(served, clock)
    before = await created(2)
    service = served.service
    house = House(service.model, service.callers().again, limits(24), service.body_bytes)
    desk.keeper = Keeper(service.batches, service.uploads, house, clock)
    await desk.keeper.count_waiting()
    assert (await created(2)).status == "failed"
    assert (await created(1)).status == "in_progress"
    await desk.served.openai.batches.cancel(before.id)
    await desk.keeper.step()
    assert (await created(2)).status == "in_progress"
    assert (await created(1)).status == "failed"


async def test_batches_go_on_by_themselves_and_after_what_went_wrong(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    find, broken = desk.states.in_state, 1

    async def sometimes(status: Any) -> Any:
        nonlocal broken
        broken -= 1
        if broken == 0:
            raise OSError("the words of an error")
        return await find(status)

    monkeypatch.setattr(desk.states, "in_state", sometimes)
    running = asyncio.create_task(desk.keeper.run())
    try:
        made = await desk.create(line("a"))
        await until(desk, made, "in_progress")
        await desk.served.openai.batches.cancel(made.id)
        await until(desk, made, "cancelled")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert caplog.messages == ["a batch has to wait: OSError"]


async def until(desk: Desk, batch: Batch, status: str) -> None:
    async with asyncio.timeout(30):
        while (await desk.look(batch)).status != status:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.02)
