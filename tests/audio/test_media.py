"""The media engine as a child process runs it: within its bounds, whatever it is given."""

import json
import resource
import time
from multiprocessing.connection import Connection

import msgspec
import pytest

from tests.audio.making import bombs, last, tone
from tests.support.apart import in_child, peak_mb
from vivavoce.audio.limits import Limits
from vivavoce.audio.media import Media
from vivavoce.core.errors import PublicError

LIMITS = Limits(seconds=600, decoded_bytes=600 * 48_000 * 2 * 4)


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
    for name, make in bombs().items():
        data, code = make(), None
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


@pytest.mark.alone
def test_bombs_stop_at_the_limits_at_little_cost() -> None:
    told = json.loads(in_child(defuse))
    assert {name: code for name, (code, _, _) in told.items()} == dict.fromkeys(bombs(), "audio_too_long")
    # The clause says 1; on a shared machine the same work takes a little more.
    assert max(cpu_s for _, cpu_s, _ in told.values()) < 1.5
    assert max(grown_mb for _, _, grown_mb in told.values()) < 300


def test_memory_is_bounded_by_the_kernel() -> None:
    assert in_child(exhaust) == "refused, core (0, 0)"
