"""The routes, and the application they make."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

import vivavoce
from vivavoce.account.callers import Callers, NoKey, WrongKey
from vivavoce.core.errors import NotFound, TryLater
from vivavoce.core.models import Model
from vivavoce.server.aiml import LikeAiml
from vivavoce.server.arriving import Arriving
from vivavoce.server.batches import BatchRoutes
from vivavoce.server.billed import Billed
from vivavoce.server.caller import caller_of, key_of
from vivavoce.server.chat import ChatCompletions
from vivavoce.server.edge import Edge, Stamped
from vivavoce.server.idempotency import Idempotent
from vivavoce.server.keys import AdminRoutes
from vivavoce.server.logged import log_request
from vivavoce.server.observed import Continued, Observed, counting
from vivavoce.server.playground import FOLDER, Playground, wants_page
from vivavoce.server.service import Service
from vivavoce.server.speech import Speech
from vivavoce.server.spoken import SpokenAnswers
from vivavoce.server.stored import StoredCompletions
from vivavoce.server.transcriptions import Transcriptions
from vivavoce.server.uploads import Files
from vivavoce.server.usage import UsagePages
from vivavoce.server.voices import Choices
from vivavoce.telemetry.meters import CONTENT_TYPE
from vivavoce.wire import models as wire
from vivavoce.wire import openapi
from vivavoce.wire.openapi import Ways
from vivavoce.wire.operation import JSON, PREFIXES
from vivavoce.wire.pages import About, Health, prices
from vivavoce.wire.routes import OPERATIONS

SOON = {"retry-after": "1"}
OFTEN = {"createChatCompletion", "createSpeech", "createTranscription"}
"""What is asked for most. Paths are looked through one after another, and these first."""


class Pages:
    """The small answers: what this is, how it is, which models there are."""

    def __init__(self, service: Service, callers: Callers, playground: Playground) -> None:
        self._service = service
        self._callers = callers
        self._playground = playground
        self._descriptions: dict[Ways, bytes] = {}

    async def root(self, request: Request) -> Response:
        """Say what this is: at `/` to browsers with the playground."""
        if request.url.path == "/" and wants_page(request):
            return self._playground.page(request)
        about = About(
            name="vivavoce",
            version=vivavoce.__version__,
            what="the audio chat API of gpt-4o-mini-audio-preview, on this machine",
            engines=self._service.about,
            better=self._service.better,
            models="/v1/models",
            openapi="/v1/openapi.json",
            prices={name: prices(model.price) for name, model in (await self._known(request)).items() if model.price},
        )
        return Response(msgspec.json.encode(about), 200, {"vary": "Accept"}, JSON)

    async def description(self, _request: Request) -> Response:
        """Say what is taken and given."""
        service = self._service
        ways = Ways(locked=self._callers.locked, repeats=service.replies is not None, aiml=service.aiml)
        if ways not in self._descriptions:
            self._descriptions[ways] = await asyncio.to_thread(openapi.document, vivavoce.__version__, ways)
        return Response(self._descriptions[ways], media_type=JSON)

    async def live(self, _request: Request) -> Response:
        """Whether the process answers."""
        return Response(msgspec.json.encode(Health("ok")), media_type=JSON)

    async def ready(self, _request: Request) -> Response:
        """Whether every engine has answered and runs, requests can be recorded, and the server does not end."""
        missing = self._service.missing()
        status = "starting" if missing else "ready" if self._service.ledger.writable else "read_only"
        health = Health("ending" if self._service.ending.begun else status, list(missing) or UNSET)
        body = msgspec.json.encode(health)
        return Response(body, media_type=JSON) if health.status == "ready" else Response(body, 503, SOON, JSON)

    async def metrics(self, _request: Request) -> Response:
        """What was measured."""
        meters = self._service.meters
        if meters is None:
            raise NotFound("This server does not measure: its configuration has metrics = false.", code="not_measured")
        return Response(await asyncio.to_thread(meters.page), media_type=CONTENT_TYPE)

    async def models(self, request: Request) -> Response:
        """All models."""
        models = self._service.models_of(caller_of(request.scope)).items()
        listed = [(name, model.created, model.card.owner) for name, model in models]
        return Response(wire.model_list(listed), media_type=JSON)

    async def model(self, request: Request) -> Response:
        """One model."""
        name, found = self._named(request)
        return Response(wire.model(name, found.created, found.card.owner), media_type=JSON)

    async def delete_model(self, request: Request) -> Response:
        """Delete no model: which there are, the configuration says."""
        name, _ = self._named(request)
        raise wire.not_to_be_deleted(name)

    async def _known(self, request: Request) -> Mapping[str, Model]:
        """The models that whoever asks may use, where nobody has to say who they are: of strangers, none."""
        try:
            return self._service.models_of(await self._callers.find(key_of(request.scope)))
        except (NoKey, WrongKey, TryLater):
            return {}

    def _named(self, request: Request) -> tuple[str, Model]:
        name: str = request.path_params["model"]
        found = self._service.models_of(caller_of(request.scope)).get(name)
        if found is None:
            raise wire.unknown_model(name)
        return name, found


def create_app(service: Service) -> ASGIApp:
    """The whole application. Every path is there with and without `/v1`."""
    playground = Playground()
    callers = service.callers()
    pages, choices, stored = Pages(service, callers, playground), Choices(service), StoredCompletions(service)
    answers: dict[str, Any] = {
        "about": pages.root,
        "getOpenAPI": pages.description,
        "isLive": pages.live,
        "isReady": pages.ready,
        "getMetrics": pages.metrics,
        "listModels": pages.models,
        "retrieveModel": pages.model,
        "deleteModel": pages.delete_model,
        "createChatCompletion": ChatCompletions(service),
        "listChatCompletions": stored.list,
        "getChatCompletion": stored.retrieve,
        "updateChatCompletion": stored.update,
        "deleteChatCompletion": stored.delete,
        "getChatCompletionMessages": stored.messages,
        "createSpeech": Speech(service),
        "getSpokenAnswer": SpokenAnswers(service),
        "createTranscription": Transcriptions(service),
        "createTranslation": Transcriptions(service, translate=True),
        "listVoices": choices.voices,
        "listSpeechModels": choices.models,
        **Files(service).by_operation(),
        **BatchRoutes(service).by_operation(),
        **AdminRoutes(service).by_operation(),
        **UsagePages(service).by_operation(),
    }
    routes = [
        Route(f"{prefix}{operation.path}", answers[operation.id], methods=[operation.method])
        for operation in sorted(OPERATIONS, key=lambda operation: operation.id not in OFTEN)
        for prefix in PREFIXES
    ]
    routes += [Route("/v1", pages.root), Route(f"{FOLDER}{{name}}", playground.file)]
    # Not `Starlette`, whose own error page would come before ours.
    app: ASGIApp = Billed(Router(routes, redirect_slashes=False), service.ledger, service.batched)
    if service.replies is not None:
        app = Idempotent(app, service.replies)
    app = Edge(app, service.access, callers, service.ending, routes)
    if service.aiml:
        app = LikeAiml(app)
    if service.access.origins:
        # Around the edge: a browser asks first without a key, and its page may read errors too.
        app = CORSMiddleware(app, allow_origins=service.access.origins, allow_methods=["*"], allow_headers=["*"])
    app = Stamped(Arriving(app, service.silence_s), service.ending)
    if service.traces is not None:
        app = Continued(app, service.traces)
    meters = service.meters
    return Observed(app, routes, [log_request] if meters is None else [log_request, counting(meters)])
