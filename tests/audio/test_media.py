"""The media engine as a child process runs it: within its bounds, whatever it is given."""

import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import pytest

from tests.audio.making import last, silent_flac, silent_mp3, silent_opus, tone
from vivavoce.audio.limits import Limits
from vivavoce.audio.media import Media
from vivavoce.core.errors import PublicError

LIMITS = Limits(seconds=600, decoded_bytes=600 * 48_000 * 2 * 4)
BOMBS = ("opus", "lying opus", "flac", "wide flac", "told flac", "mp3")


def bomb(name: str) -> bytes:
    """Make hours of silence in a few megabytes."""
    match name:
        case "opus":
            return silent_opus(18, honest=True)
        case "lying opus":
            return silent_opus(18, honest=False)
        case "flac":
            return silent_flac(2_000)
        case "wide flac":
            return silent_flac(2_000, rate=384_000, channels=8)
        case "told flac":
            return silent_flac(10, told_samples=24_000 * 3600 * 48)
        case _:
            return silent_mp3(7)


def test_it_says_what_it_is() -> None:
    card = Media(Media.Options(memory_mb=0)).card()
    assert (card.name, card.roles) == ("PyAV", ())


def test_its_options_are_checked() -> None:
    with pytest.raises(msgspec.ValidationError, match="memory"):
        msgspec.convert({"memory": 1}, Media.Options)


@pytest.mark.parametrize("form", ["mp3", "flac", "opus", "aac"])
def test_there_and_back(form: str) -> None:
    media = Media(Media.Options(memory_mb=0))
    file = last(media.encode(tone(0.5), form))
    assert last(media.decode(file, LIMITS, 16_000)).seconds == pytest.approx(0.5, abs=0.1)


def defuse(pipe: Connection) -> None:
    """In the child: hear every bomb; tell of each its error's code, its CPU seconds, and the growth in MB so far."""
    media = Media(Media.Options())
    before = peak_mb()
    told: dict[str, tuple[str | None, float, float]] = {}
    for name in BOMBS:
        data, code = bomb(name), None
        started = time.process_time()
        try:
            last(media.decode(data, LIMITS, 16_000))
        except PublicError as refused:
            code = refused.code
        told[name] = (code, time.process_time() - started, peak_mb() - before)
    pipe.send(json.dumps(told))


def exhaust(pipe: Connection) -> None:
    """In the child: ask for more memory than there is, and go on."""
    media = Media(Media.Options(memory_mb=64))
    file = last(media.encode(tone(0.5), "flac"))
    try:
        bytearray(200 << 20)
        pipe.send("had it")
    except MemoryError:
        last(media.decode(file, LIMITS, 16_000))
        pipe.send(f"refused, core {resource.getrlimit(resource.RLIMIT_CORE)}")


def peak_mb() -> float:
    """The most memory this process has had; what `getrusage` tells begins with the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def in_child(job: Callable[[Connection], None]) -> str:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=job, args=(theirs,))
    child.start()
    theirs.close()
    try:
        return ours.recv()
    finally:
        child.join()
        ours.close()


def test_bombs_stop_at_the_limits_at_little_cost() -> None:
    told = json.loads(in_child(defuse))
    assert {name: code for name, (code, _, _) in told.items()} == dict.fromkeys(BOMBS, "audio_too_long")
    assert max(cpu_s for _, cpu_s, _ in told.values()) < 2
    assert max(grown_mb for _, _, grown_mb in told.values()) < 300


def test_memory_is_bounded_by_the_kernel() -> None:
    assert in_child(exhaust) == "refused, core (0, 0)"
