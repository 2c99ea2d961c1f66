"""The routes, and the application they make."""

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

import vivavoce
from vivavoce.core.models import Model
from vivavoce.server.aiml import LikeAiml
from vivavoce.server.chat import ChatCompletions
from vivavoce.server.edge import Edge, Stamped
from vivavoce.server.idempotency import Idempotent
from vivavoce.server.service import Service
from vivavoce.server.stored import stored_routes
from vivavoce.server.voices import audio_routes
from vivavoce.wire import models as wire


class Pages:
    """The small answers: what this is, how it is, which models there are."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def root(self, _request: Request) -> Response:
        """Say what this is."""
        about = {
            "name": "vivavoce",
            "version": vivavoce.__version__,
            "what": "the audio chat API of gpt-4o-mini-audio-preview, on this machine",
            "engines": self._service.about,
            "models": "/v1/models",
        }
        return JSONResponse(about)

    async def live(self, _request: Request) -> Response:
        """Whether the process answers."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        """Whether every engine has answered and runs."""
        if self._service.ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "starting"}, status_code=503, headers={"retry-after": "1"})

    async def models(self, _request: Request) -> Response:
        """All models."""
        listed = [(name, model.created, model.card.owner) for name, model in self._service.models.items()]
        return Response(wire.model_list(listed), media_type="application/json")

    async def model(self, request: Request) -> Response:
        """One model."""
        name: str = request.path_params["name"]
        found: Model | None = self._service.models.get(name)
        if found is None:
            raise wire.unknown_model(name)
        return Response(wire.model(name, found.created, found.card.owner), media_type="application/json")


def create_app(service: Service) -> ASGIApp:
    """The whole application. Every path is there with and without `/v1`."""
    pages = Pages(service)
    routes = [
        Route("/", pages.root),
        Route("/v1", pages.root),
        Route("/v1/", pages.root),
        Route("/health/live", pages.live),
        Route("/health/ready", pages.ready),
    ]
    chat = ChatCompletions(service)
    for prefix in ("/v1", ""):
        routes += [
            Route(f"{prefix}/chat/completions", chat, methods=["POST"]),
            *stored_routes(service, prefix),
            *audio_routes(service, prefix),
            Route(f"{prefix}/models", pages.models),
            Route(f"{prefix}/models/{{name:path}}", pages.model),
        ]
    # Not `Starlette`, whose own error page would come before ours.
    app: ASGIApp = Router(routes, redirect_slashes=False)
    if service.replies is not None:
        app = Idempotent(app, service.access, service.replies)
    app = Edge(app, service.access)
    if service.aiml:
        app = LikeAiml(app)
    if service.access.origins:
        # Around the edge: a browser asks first without a key, and its page may read errors too.
        app = CORSMiddleware(app, allow_origins=service.access.origins, allow_methods=["*"], allow_headers=["*"])
    return Stamped(app)
