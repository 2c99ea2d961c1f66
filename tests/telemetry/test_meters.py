"""What is measured, by a clock that the test moves: every value is exact."""

from tests.support.page import Page
from tests.support.watch import Clock
from vivavoce.core.admitted import Admitted, working_for
from vivavoce.core.audio import SPOKEN_RATE, Pcm
from vivavoce.core.turn import AudioDelta, InputTranscript, Message, Speech, Text, TextDelta, Turn, TurnDone, Usage
from vivavoce.core.watching import Watching
from vivavoce.telemetry.meters import Meters
from vivavoce.telemetry.player import Player

CHAT = {"kind": "chat", "model": "talker"}


def sound(seconds: float) -> AudioDelta:
    return AudioDelta(Pcm(bytes(2 * int(seconds * SPOKEN_RATE)), SPOKEN_RATE), 0)


def test_a_streamed_turn_is_measured_event_by_event() -> None:
    clock = Clock()
    meters = Meters(clock)
    heard = Speech(Pcm(bytes(32_000), 16_000), seconds=1.0)
    known = Speech(transcript="said before", seconds=9.0)
    with Watching(meters.turn("chat", "talker", streamed=True)) as work:
        work.told(Turn((Message("user", (Text("x"), heard, heard)), Message("assistant", (known,)))))
        assert Page(meters)["active_turns", CHAT] == 1
        clock.wait(0.2)
        work.told(InputTranscript(0, 1, "hello"))
        work.told(TextDelta("Hi."))
        work.told(sound(0))
        clock.wait(0.3)
        work.told(sound(1.0))  # first sound at 0.5, lasts until 1.5
        clock.wait(0.8)
        work.told(sound(1.0))  # in time, lasts until 2.5
        clock.wait(1.45)
        work.told(sound(0.5))  # 0.25 late, lasts until 3.25
        clock.wait(0.505)
        work.told(sound(0.5))  # 5 ms late, which nobody hears
        clock.wait(0.745)
        work.told(TurnDone("stop", Usage(text_in=7, audio_in=20, text_out=3, audio_out=60, cached=5)))
    page = Page(meters)
    assert page["active_turns", CHAT] == 0
    assert page["turns_total", {**CHAT, "outcome": "done"}] == 1
    assert page["turn_seconds_count", CHAT] == 1
    assert page["turn_seconds_sum", CHAT] == 4.0
    assert page["first_audio_seconds_count", CHAT] == 1
    assert page["first_audio_seconds_sum", CHAT] == 0.5
    assert page["first_audio_seconds_bucket", {**CHAT, "le": "0.5"}] == 1
    assert page["first_audio_seconds_bucket", {**CHAT, "le": "0.3"}] == 0
    assert page["audio_gaps_total", CHAT] == 1
    assert page["audio_gap_seconds_total", CHAT] == 0.25
    assert page["audio_seconds_total", {**CHAT, "direction": "in"}] == 2.0
    assert page["audio_seconds_total", {**CHAT, "direction": "out"}] == 3.0
    tokens = {(d, of): page["tokens_total", {**CHAT, "direction": d, "of": of}] for d, of in page.of("tokens_total")}
    assert tokens == {("in", "text"): 7, ("in", "audio"): 20, ("out", "text"): 3, ("out", "audio"): 60}
    assert page["cached_tokens_total", CHAT] == 5


def test_how_long_it_waited_to_be_let_in_is_told_of_every_turn_that_somebody_waits_for() -> None:
    meters = Meters(Clock())
    for waited_s, background in ((1.5, False), (0.0, False), (60.0, True)):
        turn = Admitted("", 100.0, background=background)
        turn.began += waited_s
        with working_for(turn):
            meters.turn("chat", "talker", streamed=True).ended("failed")
    meters.turn("chat", "talker", streamed=True).ended("full")
    page = Page(meters)
    assert page["waiting_seconds_count", CHAT] == 2
    assert page["waiting_seconds_sum", CHAT] == 1.5


def test_nobody_listens_while_an_answer_is_made_whole() -> None:
    clock = Clock()
    meters = Meters(clock)
    with Watching(meters.turn("chat", "talker", streamed=False)) as work:
        for _ in range(3):
            clock.wait(5)
            work.told(sound(1.0))
    page = Page(meters)
    assert page["audio_seconds_total", {**CHAT, "direction": "out"}] == 3.0
    assert page["turn_seconds_sum", CHAT] == 15.0
    assert not page.of("first_audio_seconds_count")
    assert not page.of("audio_gaps_total")


def test_hearing_is_timed_whole_and_the_others_to_the_first_they_give() -> None:
    clock = Clock()
    meters = Meters(clock)
    for stage in ("hear", "think", "speak", "respond"):
        with Watching(meters.call(stage, "one")) as work:
            for _ in range(2):
                clock.wait(0.25)
                work.told("item")
            clock.wait(0.5)
    page = Page(meters)
    took = {stage: page["stage_seconds_sum", {"engine": "one", "stage": stage}] for stage in ("hear", "think", "speak")}
    assert took == {"hear": 1.0, "think": 0.25, "speak": 0.25}
    assert page["stage_seconds_count", {"engine": "one", "stage": "respond"}] == 1
    assert page["engine_calls_total", {"engine": "one", "stage": "hear", "outcome": "done"}] == 1


def test_what_did_not_come_has_no_time() -> None:
    meters = Meters(Clock())
    for stage in ("hear", "think"):
        meters.call(stage, "one").ended("failed")
    meters.turn("chat", "talker", streamed=True).ended("left")
    page = Page(meters)
    assert not page.of("stage_seconds_count")
    assert not page.of("turn_seconds_count")
    assert page["engine_calls_total", {"engine": "one", "stage": "think", "outcome": "failed"}] == 1
    assert page["turns_total", {**CHAT, "outcome": "left"}] == 1


def test_caches_count_what_was_found_in_them() -> None:
    meters = Meters(Clock())
    for found in (True, False, True):
        meters.looked_up("heard", found=found)
    page = Page(meters)
    assert page["cache_lookups_total", {"cache": "heard", "result": "hit"}] == 2
    assert page["cache_lookups_total", {"cache": "heard", "result": "miss"}] == 1


def test_two_servers_in_a_process_measure_apart() -> None:
    one, two = Meters(Clock()), Meters(Clock())
    one.looked_up("heard", found=True)
    assert Page(one).of("cache_lookups_total")
    assert not Page(two).of("cache_lookups_total")


def test_the_page_tells_of_the_process_and_of_no_other_metric_than_ours() -> None:
    names = Page(Meters(Clock())).names
    assert "process_resident_memory_bytes" in names
    assert all(name.startswith(("vivavoce_", "process_")) for name in names)
    assert not any(name.endswith("_created") for name in names)


def test_a_player_that_gets_sound_in_time_never_stops() -> None:
    player, now = Player(), 50.0
    for seconds in (2.0, 0.1, 0.1, 3.0, 0.0):
        player.take(seconds, now)
        now += 0.5
    assert (player.gaps, player.silent_s) == (0, 0.0)
