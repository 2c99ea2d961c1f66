"""Documents read in their own processes: their words, or a precise refusal, whatever they are."""

import asyncio
import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.documents.making import bombs, document, flood, lines, packed, pages, pdf, stream
from tests.support.apart import in_child
from vivavoce.core.admitted import Admitted, working_for
from vivavoce.core.errors import BadRequest, EngineFailed, EngineTimeout, Overloaded
from vivavoce.documents import pdf as child
from vivavoce.documents import reading
from vivavoce.documents.reading import Document, Documents

LETTERS = stream(
    b"1 begincodespacerange <00> <FF> endcodespacerange\n"
    b"3 beginbfchar <41> <041F> <42> <D83DDE00> <43> <4F60597D> endbfchar\n"
)
LOCKED = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >> /ID [<00> <00>]" % (b"41" * 32, b"42" * 32)


async def read(*files: bytes, **limits: Any) -> list[str]:
    documents = [Document(data, f"files[{index}]") for index, data in enumerate(files)]
    return await Documents(**{"wait_s": 30, **limits}).read(documents)


async def refusal(*files: bytes, **limits: Any) -> tuple[str | None, str | None]:
    """The code and param a reading ends with; codes have one message each."""
    with pytest.raises(BadRequest) as refused:
        await read(*files, **limits)
    assert refused.value.message.startswith("The PDF ")
    return refused.value.code, refused.value.param


def spied(monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[asyncio.subprocess.Process]:
    """The processes that are started from now on."""
    started: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()
    start = asyncio.create_subprocess_exec

    async def told(*arguments: str, **options: Any) -> asyncio.subprocess.Process:
        process = await start(*arguments, **options)
        started.put_nowait(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", told)
    return started


async def test_the_words_of_every_page_in_order() -> None:
    (text,) = await read(document("Dear (all) of you,\n10 € for café-goers.", "Yours,\nAnn"))
    assert text == "Dear (all) of you,\n10 € for café-goers.\n\nYours,\nAnn"


async def test_letters_of_any_script() -> None:
    objects = pages(stream(lines("ABC")), font=b"<< /Type /Font /Subtype /TrueType /BaseFont /A /ToUnicode 6 0 R >>")
    assert await read(pdf([*objects, LETTERS])) == ["П😀你好"]


async def test_words_cut_in_two_are_whole_and_what_is_not_for_people_is_left_out() -> None:
    assert await read(document("to-\nmorrow", "bell\x07")) == ["tomorrow\n\nbell"]


async def test_a_damaged_table_of_objects_is_made_anew() -> None:
    assert await read(document("still here").replace(b"startxref\n", b"startxref\n9")) == ["still here"]


async def test_a_damaged_page_costs_only_itself() -> None:
    objects = pages(stream(lines("one")), stream(lines("two")), stream(lines("three")))
    objects[5] = b"(no page)"
    (text,) = await read(pdf(objects))
    assert "one" in text
    assert "three" in text


async def test_pages_are_counted_over_the_whole_request() -> None:
    two = document("one", "two")
    assert await read(two, two, pages=4) == ["one\n\ntwo"] * 2
    assert await refusal(two, two, pages=3) == ("pdf_too_long", "files[1]")
    assert await refusal(two, pages=1) == ("pdf_too_long", "files[0]")


async def test_each_file_has_its_size() -> None:
    small = document("small")
    large = small + b" " * (1 << 20)
    assert await read(small, small, megabytes=1) == ["small"] * 2
    assert await refusal(small, large, megabytes=1) == ("pdf_too_large", "files[1]")


@pytest.mark.parametrize(
    ("file", "code"),
    [
        pytest.param(pdf(pages(stream(lines("secret"))), LOCKED), "pdf_encrypted", id="locked"),
        pytest.param(b"%PDF-1.7\n", "pdf_damaged", id="nothing"),
        pytest.param(b"%PDF-1.7\n" + bytes(range(256)) * 1000, "pdf_damaged", id="noise"),
        pytest.param(document("cut")[:200], "pdf_damaged", id="cut short"),
        pytest.param(document(""), "pdf_without_text", id="empty page"),
        pytest.param(
            pdf([*pages(stream(b"/I Do"), resources=b"/XObject << /I 6 0 R >>"), packed(flood(1), b"/Subtype /Image")]),
            "pdf_without_text",
            id="a picture",
        ),
    ],
)
async def test_what_cannot_be_read_is_told_apart(file: bytes, code: str) -> None:
    assert await refusal(document("good"), file) == (code, "files[1]")


def test_more_text_than_any_model_takes_is_not_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "MOST_CHARACTERS", 10)
    assert child.read(document("12345", "12345"), 2) == {"text": "12345\n\n12345", "pages": 2}
    assert child.read(document("12345", "123456"), 2) == {"problem": "complex"}


def defuse(pipe: Connection) -> None:
    """In a child: read every bomb, three at once; tell of each its error's code, and what they took together."""

    async def outcome(make: Callable[[], bytes]) -> str | None:
        try:
            await read(make())
        except BadRequest as refused:
            return refused.code
        return None

    async def all_of_them() -> dict[str, tuple[str | None, float]]:
        told: dict[str, tuple[str | None, float]] = {}
        for names in (list(made)[start : start + 3] for start in range(0, len(made), 3)):
            before = cpu_s()
            codes = await asyncio.gather(*(outcome(made[name]) for name in names))
            told |= {name: (code, cpu_s() - before) for name, code in zip(names, codes, strict=True)}
        return told

    made = bombs()
    told = asyncio.run(all_of_them())
    pipe.send(json.dumps([told, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024]))


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.alone
def test_bombs_end_within_their_bounds_three_at_once_too() -> None:
    told, peak_mb = json.loads(in_child(defuse))
    codes = {name: code for name, (code, _) in told.items()}
    assert set(codes) == set(bombs())
    assert set(codes.values()) <= {"pdf_too_complex", "pdf_damaged", "pdf_too_long", "pdf_without_text"}, codes
    assert sum(code == "pdf_too_complex" for code in codes.values()) >= 8, codes
    assert max(cpu for _, cpu in told.values()) < 3 * 1.5
    assert peak_mb < 300


async def test_a_reading_nobody_waits_for_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    started = spied(monkeypatch)
    call = asyncio.create_task(read(bombs()["a million names"]()))
    process = await started.get()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert process.returncode == -signal.SIGKILL


async def test_no_more_are_read_at_once_than_there_are_places(monkeypatch: pytest.MonkeyPatch) -> None:
    started = spied(monkeypatch)
    documents = Documents(wait_s=0)
    bomb = [Document(bombs()["a million names"](), "")]
    calls = [asyncio.create_task(documents.read(bomb)) for _ in range(reading.AT_ONCE)]
    for _ in calls:
        await started.get()
    with pytest.raises(Overloaded):
        await documents.read(bomb)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    assert await documents.read([Document(document("free again"), "")]) == ["free again"]


async def test_a_turn_that_was_let_in_waits_for_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    started = spied(monkeypatch)
    documents = Documents(wait_s=0)
    bomb = [Document(bombs()["a million names"](), "")]
    calls = [asyncio.create_task(documents.read(bomb)) for _ in range(reading.AT_ONCE)]
    for _ in calls:
        await started.get()
    with working_for(Admitted("", 0.0)):
        patient = asyncio.create_task(documents.read([Document(document("in the end"), "")]))
    await asyncio.sleep(0.01)
    assert not patient.done()
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    assert await patient == ["in the end"]


async def test_a_process_that_says_nothing_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    started = spied(monkeypatch)
    monkeypatch.setattr(reading, "SILENCE_S", 0.001)
    with pytest.raises(EngineTimeout):
        await read(bombs()["a million names"]())
    assert (await started.get()).returncode == -signal.SIGKILL


@pytest.mark.parametrize("code", ["import sys; sys.exit(1)", "print('{}x')", "print('x' * 50_000)"])
async def test_a_process_with_a_bug_is_ours_to_mend(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 40_000)
    start = asyncio.create_subprocess_exec

    async def other(*_: str, **options: Any) -> Any:
        return await start(sys.executable, "-c", code, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", other)
    with pytest.raises(EngineFailed):
        await read(document("hi"))
    assert "the process of a document ended with" in caplog.text


def test_the_process_opens_no_file_and_no_connection() -> None:
    trial = """
import errno, socket, vivavoce.documents.pdf as child
child.confine()
child.shut()
for attempt in (lambda: open("/etc/passwd"), socket.socket):
    try:
        attempt()
    except OSError as error:
        assert error.errno == errno.EMFILE
    else:
        raise SystemExit("opened")
"""
    assert subprocess.run([sys.executable, "-c", trial], check=False).returncode == 0


def test_a_bug_is_told_without_the_words_of_the_file() -> None:
    command = [sys.executable, "-m", "vivavoce.documents.pdf", "no number"]
    ended = subprocess.run(command, input=document("secret"), capture_output=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"ValueError at pdf.py:")
    assert b"no number" not in ended.stderr


WHOLE = document("Some words on a page", "and more")


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_no_mutation_makes_anything_but_words_or_a_refusal(data: st.DataObject) -> None:
    mutant = bytearray(WHOLE)
    for at, byte in data.draw(st.lists(st.tuples(st.integers(9, len(mutant) - 1), st.integers(0, 255)), max_size=20)):
        mutant[at] = byte
    end = data.draw(st.one_of(st.just(len(mutant)), st.integers(9, len(mutant))))
    try:
        (text,) = asyncio.run(read(bytes(mutant[:end])))
    except BadRequest:
        return
    assert text


async def test_a_hundred_pages_fit_in_the_time_there_is() -> None:
    page = "\n".join(["The quick brown fox jumps over the lazy dog and over the others too."] * 45)
    (text,) = await read(document(*[page] * 100))
    assert text.count("fox") == 4500
