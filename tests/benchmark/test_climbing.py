"""Figures are those that the pace of a server gives by arithmetic; a busy machine makes them larger, never smaller."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from tests.benchmark.peers import MACHINE, QUICK, SPEECH, URL, Body, Parts, Peer, climbed
from vivavoce.benchmark import climbing
from vivavoce.benchmark.climbing import Climb, Plan
from vivavoce.benchmark.questions import Questions
from vivavoce.benchmark.reaching import reached
from vivavoce.benchmark.report import best, remarks, sentence
from vivavoce.conform.examine import Unusable, Wanted

SLOWER = 4
"""Times that a loaded machine may take."""


async def test_the_figures_are_those_of_the_pace() -> None:
    climb = await climbed(Peer((0.05, 0.1, 0.05), 0.1, models=("an-audio", "whisper-1")))
    assert [step.conversations for step in climb.steps] == [1, 2, 4]
    for step in climb.steps:
        seen = step.measured
        assert len(seen.turns) == seen.ended("answered") == 4 * step.conversations
        for spread, expected_s in (
            (seen.first_word(), 0.05),
            (seen.first_audio(), 0.15),
            (seen.after_speech(), 0.15),
            (seen.total(), 0.2),
            (seen.transcript(), 0.05),
        ):
            assert spread is not None
            assert expected_s * 0.99 <= spread.p50 <= expected_s * SLOWER
            assert spread.p50 <= spread.p95
        factor = seen.real_time_factor()
        assert factor is not None
        assert 0.99 <= factor.p50 <= SLOWER
        assert len(seen.transcripts) == 4
    assert sum(turn.spoken for turn in climb.steps[0].measured.turns) == 2


async def test_a_conversation_names_earlier_answers_and_keeps_its_recordings() -> None:
    peer = Peer()
    await climbed(peer, replace(QUICK, most=1))
    last = peer.asked[-1]["messages"]
    assert [message["role"] for message in last] == ["system", *["user", "assistant"] * 3, "user"]
    assert last[2] == {"role": "assistant", "audio": {"id": "audio_1"}}
    assert [isinstance(message["content"], list) for message in last if message["role"] == "user"] == [0, 1, 0, 1]


async def test_no_recording_is_sent_twice() -> None:
    """A cache of what was heard answers for nothing."""
    peer = Peer()
    await climbed(peer)
    sent = [body["messages"][-1]["content"] for body in peer.asked]
    recordings = [json.dumps(content) for content in sent if isinstance(content, list)]
    assert len(recordings) == len(set(recordings)) == 1 + 2 + 4 + 8


@pytest.mark.parametrize("peer", [Peer(gives_id=False), Peer(takes_id=False)], ids=["gives no id", "takes no id"])
async def test_without_references_the_words_are_sent(peer: Peer) -> None:
    climb = await climbed(peer, replace(QUICK, most=1))
    assert peer.asked[-1]["messages"][2] == {"role": "assistant", "content": "Hello."}
    assert climb.steps[0].measured.ended("answered") == 4
    assert "it takes no earlier answer by its id: the words were sent again" in remarks(climb)


async def test_a_model_that_hears_nothing_is_asked_in_writing() -> None:
    peer = Peer(refuses=lambda body: any(isinstance(each["content"], list) for each in body["messages"][-1:]))
    climb = await climbed(peer, replace(QUICK, most=1))
    assert not any(turn.spoken for turn in climb.steps[0].measured.turns)
    assert "spoken questions were left out: status 400, code invalid_value, param messages" in remarks(climb)


async def test_a_server_that_refuses_when_it_is_full_has_passed_the_limit() -> None:
    climb = await climbed(Peer(room=2), replace(QUICK, most=64))
    assert [step.conversations for step in climb.steps] == [1, 2, 4]
    assert [step.holds(1) for step in climb.steps] == [True, True, False]
    assert climb.steps[2].measured.ended("refused") > 0
    assert sentence(climb).startswith("http://peer.test/v1 carries 2 conversations at a first audio of ")
    assert any(said.startswith("at 4: ") and "status 503, code full" in said for said in remarks(climb))


async def test_a_first_audio_over_the_limit_ends_it() -> None:
    climb = await climbed(Peer((0.1, 0.05, 0.01)), replace(QUICK, limit_s=0.1))
    assert [step.conversations for step in climb.steps] == [1]
    assert best(climb) is None
    assert sentence(climb).startswith(
        "http://peer.test/v1 carries no conversation at a first audio of 100 ms: with one, its first audio comes after "
    )


async def test_a_stall_is_counted_as_a_gap_of_its_length() -> None:
    climb = await climbed(Peer((0, 0, 0.4), sound_s=0.1), replace(QUICK, most=1))
    count, gap_s = climb.steps[0].measured.gaps()
    assert count == 4
    assert 4 * 0.29 <= gap_s <= 4 * 0.3 * SLOWER
    assert await no_gaps(Peer((0, 0, 0.1), sound_s=2.0))


async def no_gaps(peer: Peer) -> bool:
    """In the one answer that there is time for."""
    async with reached(Wanted(URL), 20, httpx2.MockTransport(peer)) as (_, asked, _processes):
        turn = await asked.ask([{"role": "user", "content": "Hi"}], spoken=False)
        return turn.answered and turn.player.gaps == 0


class OtherDialect(Peer):
    """Sends a word and its sound as chunks of two modalities, the sound as a WAV in `content`."""

    async def deltas(self) -> AsyncIterator[Body]:
        for modality, content in (("text", "Hello."), ("audio", "UklGRg==")):
            yield {"modality": modality, "choices": [{"delta": {"content": content}, "finish_reason": None}]}


class Silent(Peer):
    """Answers in writing whatever is wanted."""

    async def deltas(self) -> AsyncIterator[Body]:
        yield {"choices": [{"delta": {"content": "Hello."}, "finish_reason": "stop"}]}


class Odd(Peer):
    """Sends what is no completion."""

    async def deltas(self) -> AsyncIterator[Body]:
        yield {"choices": [{"delta": {"audio": {"data": "?"}}}]}


class Broken(Peer):
    """Says in the stream that it cannot go on."""

    async def deltas(self) -> AsyncIterator[Body]:
        yield {"error": {"message": "a secret"}}


class Cut(Peer):
    """Leaves in the midst of an answer."""

    async def lines(self) -> AsyncIterator[bytes]:
        async for delta in self.deltas():
            yield f"data: {json.dumps(delta)}\n\n".encode()


class NoJson(Peer):
    """Sends words as they are."""

    async def lines(self) -> AsyncIterator[bytes]:
        yield b"data: hello\n\n"


class Whole(Peer):
    """Does not stream."""

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        answer = await super().__call__(request)
        return httpx2.Response(200, json={"choices": []}) if isinstance(answer.stream, Parts) else answer


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        (OtherDialect(), "its sound came in another dialect"),
        (Silent(), "an answer without sound"),
        (Odd(), "expected a chunk of a chat completion"),
        (Broken(), "an error in the stream"),
        (Cut(), "a stream that broke off"),
        (NoJson(), "expected JSON in an event"),
        (Whole(), "expected a stream of events, came application/json"),
        (Peer(refuses=lambda _body: True), "status 400, code invalid_value"),
        (Peer((60, 0, 0)), "no end within 0.2 s"),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_server_that_does_not_answer_aloud_is_told_why(peer: Peer, said: str) -> None:
    with pytest.raises(Unusable, match="it does not answer aloud as this API does: ") as raised:
        await climbed(peer, wait_s=0.2 if "no end" in said else 20)
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_what_was_measured_until_it_is_broken_off_is_kept() -> None:
    peer = Peer()
    async with reached(Wanted(URL), 20, httpx2.MockTransport(peer)) as (base, asked, processes):
        reported = asyncio.Event()

        def tell(said: str) -> None:
            if said.startswith("2 at once"):
                reported.set()

        plan = Plan(1, 2, 16, 0)
        climb = Climb(base, asked, Questions([SPEECH]), plan, processes, tell, MACHINE)
        task = asyncio.create_task(climb.run())
        await reported.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [step.whole for step in climb.steps] == [True, False]
    assert 0 < len(climb.steps[1].measured.turns) < 16
    assert sentence(climb).startswith("http://peer.test/v1 carries at least 1 conversation at a first audio of ")


def test_the_steps_double_up_to_the_most() -> None:
    assert climbing._doubling(64) == [1, 2, 4, 8, 16, 32, 64]
    assert climbing._doubling(6) == [1, 2, 4, 6]
    assert climbing._doubling(1) == [1]
