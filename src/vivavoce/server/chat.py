"""`POST /v1/chat/completions`: a request to a turn, and as many answers to it as were asked for."""

import asyncio
import hashlib
import time
from dataclasses import replace
from functools import lru_cache

from msgspec import UNSET, UnsetType
from starlette.types import Receive, Scope, Send

from vivavoce.account.ledger import Meter, in_all
from vivavoce.core.allowing import Allowed
from vivavoce.core.aside import aside
from vivavoce.core.engines import Responder
from vivavoce.core.errors import unknown_voice
from vivavoce.core.models import Model, ModelCard
from vivavoce.core.tasks import together
from vivavoce.core.turn import Speech, Text, Turn, Usage
from vivavoce.documents.reading import Document
from vivavoce.server.aiml import meta, spent_headers
from vivavoce.server.answer import Answer
from vivavoce.server.billed import bill_of, metered
from vivavoce.server.caller import caller_of
from vivavoce.server.connection import read_body, send_whole, while_connected
from vivavoce.server.held import Held
from vivavoce.server.observed import WatchedTurns, watching_door
from vivavoce.server.outlet import Outlet
from vivavoce.server.paying import Paid
from vivavoce.server.service import Service
from vivavoce.server.stored import Keeping
from vivavoce.wire import chat, completion, files
from vivavoce.wire.chunks import DONE, usage_event
from vivavoce.wire.completion import Head, Meta
from vivavoce.wire.encoded import sound_bytes
from vivavoce.wire.ids import completion_id
from vivavoce.wire.models import not_a_chat_model
from vivavoce.wire.request import ChatRequest

EVENTS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


OTHERS_TEMPERATURE = 1.0
"""Of the second answer and all after it, where the client set none: an engine's own may have them all the same."""


class ChatCompletions:
    """The endpoint, as ASGI."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        body = await read_body(receive, dict(scope["headers"]), self._service.body_bytes)
        request = await aside(len(body), chat.decode, body, strict=self._service.strict)
        model = self._service.model(request.model, caller_of(scope))
        bill = bill_of(scope)
        bill.of(request.model, model)
        voice = chat.voice_of(request)
        if voice is not None and model.card.voices and voice not in model.card.voices:
            raise unknown_voice(voice, model.card.voices)
        if model.responder is None:
            raise not_a_chat_model()
        chat.check_budget(request, model.card.max_output)
        held = Held(self._service.limits, scope, model)
        await held.admit()
        keeping = None
        if request.store:
            keeping = await aside(len(body), Keeping, self._service, request, body, scope)
        del body  # tens of megabytes, which would be kept for as long as the answer takes
        answers = Answers(self._service, model, model.responder, request, held, keeping)
        needs = model.answering(hears=chat.hears(request, recalls=model.recalls), speaks=voice is not None)
        work = answers.stream(send) if request.stream else answers.whole(send)
        with watching_door(self._service.watch, "chat", model.name):
            await while_connected(receive, self._service.door.within(caller_of(scope).project, needs, work))


class Answers:
    """All answers to one request: the same turn, given to the model `n` times at once."""

    def __init__(
        self,
        service: Service,
        model: Model,
        responder: Responder,
        request: ChatRequest,
        held: Held,
        keeping: Keeping | None,
    ) -> None:
        """`keeping` keeps them together as a stored completion."""
        self._service = service
        self._held = held
        self._bill = bill = held.bill
        self._keeping = keeping
        responder = Allowed(responder)
        if held.grant.pays:
            responder = Paid(responder, held.grant)
        self._respond = WatchedTurns(responder, service.watch, model.name, streamed=bool(request.stream)).respond
        self._request = request
        self._head = Head(completion_id(), int(time.time()), model.snapshot, _fingerprint(model.name, model.card))
        self._answers = [Answer(service, bill, request, self._head)]
        while len(self._answers) < (request.n or 1):
            self._answers.append(Answer(service, bill, request, self._head, self._answers[-1]))

    async def whole(self, send: Send) -> None:
        """Answer in one piece."""
        turn = await self._turn()
        await together([self._respond(each, metered(answer.take, meter)) for each, answer, meter in self._asked(turn)])
        choices = [await answer.choice() for answer in self._answers]
        await self._keep(turn)
        await self._bill.settle()
        size = sum(map(completion.size, choices))
        metadata = self._request.metadata or {} if self._keeping else None
        body = await aside(size, completion.encode, self._head, choices, self._usage(), metadata, self._meta())
        spent = spent_headers(self._bill.cost) if self._service.meta_usage else []
        await send_whole(send, 200, [(b"content-type", b"application/json"), *spent], body)

    async def stream(self, send: Send) -> None:
        """Answer event by event. An error before the first is an HTTP error, a later one the last event."""
        outlet = Outlet(send, EVENTS)
        try:
            async with outlet.pinging(self._service.patience_s, self._service.ping_s):
                turn = await self._turn()
                sends = [(each, answer.streaming_to(outlet), meter) for each, answer, meter in self._asked(turn)]
                await together([self._respond(each, metered(send, meter)) for each, send, meter in sends])
                await self._keep(turn)
                await self._bill.settle()
                usage = usage_event(self._head, self._usage(), self._meta()) if self._request.include_usage else b""
        except asyncio.CancelledError:
            for answer in self._answers:
                answer.keep_what_was_said()
            raise
        await outlet.finish(usage + DONE)

    def _asked(self, turn: Turn) -> list[tuple[Turn, Answer, Meter]]:
        """The turn of each answer, and its meter: the same, but that those after the first are to be others."""
        chosen = turn.sampling
        warm = OTHERS_TEMPERATURE if chosen.temperature is None else chosen.temperature
        seeds = [None if chosen.seed is None else chosen.seed ^ answer.index for answer in self._answers[1:]]
        others = [replace(turn, sampling=replace(chosen, temperature=warm, seed=seed)) for seed in seeds]
        meters = self._bill.asked(turn, len(self._answers))
        return list(zip([turn, *others], self._answers, meters, strict=True))

    async def _keep(self, turn: Turn) -> None:
        if self._keeping is not None:
            choices = [answer.silent_choice() for answer in self._answers]
            await self._keeping.keep(self._head, turn, self._answers[0].heard, choices, self._usage())

    def _usage(self) -> Usage:
        """The prompt once, and what every answer cost."""
        return in_all([answer.usage for answer in self._answers])

    def _meta(self) -> Meta | UnsetType:
        """What it cost in money, where that is told; its row is made."""
        return meta(self._bill.cost) if self._service.meta_usage else UNSET

    async def _turn(self) -> Turn:
        # One after another: side by side they would wait for one another in the media process's line.
        heard = {recording.place: await self._listen(recording) for recording in chat.recordings(self._request)}
        words = await self._read(list(files.files(self._request)))
        said: dict[int, Speech] = {}
        for index, answer_id in chat.references(self._request):
            found = await self._service.answers.find(answer_id, self._bill.caller.project)
            if found is None:
                raise chat.not_found(index, answer_id)
            said[index] = found
        turn = chat.to_turn(self._request, {**heard, **words}, said)
        await self._held.reserve_turn(turn, len(self._answers))
        return replace(turn, project=self._bill.caller.project)

    async def _listen(self, recording: chat.Recording) -> Speech:
        pcm = await self._service.sounds.decode(await _sound(recording))
        return Speech(pcm, seconds=pcm.seconds)

    async def _read(self, sent: list[files.File]) -> dict[chat.Place, Text]:
        read = [Document(await aside(len(file.data), files.pdf_bytes, file), file.param) for file in sent]
        words = await self._service.documents.read(read)
        return {file.place: files.read_out(file, text) for file, text in zip(sent, words, strict=True)}


@lru_cache
def _fingerprint(name: str, card: ModelCard) -> str:
    """What tells one configuration of a model from another."""
    return f"fp_{hashlib.sha256(f'{name} {card}'.encode()).hexdigest()[:10]}"


async def _sound(recording: chat.Recording) -> bytes:
    """The bytes of a recording, whose text is let go."""
    data = recording.take()
    return await aside(len(data), sound_bytes, data, recording.param)
