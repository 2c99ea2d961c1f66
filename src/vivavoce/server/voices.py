"""`GET /v1/audio/voices` and `/v1/audio/models`, which clients ask for what they may choose; and all audio routes."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vivavoce.server.service import Service
from vivavoce.server.speech import Speech
from vivavoce.server.transcriptions import Transcriptions


class Named(msgspec.Struct):
    """A voice or a model to choose."""

    id: str
    name: str


class VoiceList(msgspec.Struct):
    """All voices."""

    voices: list[Named]


class SpeechModels(msgspec.Struct):
    """All models that read aloud."""

    models: list[Named]


class Choices:
    """What there is to choose."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def voices(self, _request: Request) -> Response:
        """Every voice of every model that reads aloud, each once."""
        models = self._service.models.values()
        names = [voice for model in models if model.speaker is not None for voice in model.card.voices]
        return _json(VoiceList([Named(name, name) for name in dict.fromkeys(names)]))

    async def models(self, _request: Request) -> Response:
        """Every model that reads aloud."""
        models = self._service.models.items()
        return _json(SpeechModels([Named(name, name) for name, model in models if model.speaker is not None]))


def audio_routes(service: Service, prefix: str) -> list[Route]:
    """The routes of the audio endpoints, each path after `prefix`."""
    choices = Choices(service)
    return [
        Route(f"{prefix}/audio/speech", Speech(service), methods=["POST"]),
        Route(f"{prefix}/audio/transcriptions", Transcriptions(service), methods=["POST"]),
        Route(f"{prefix}/audio/translations", Transcriptions(service, translate=True), methods=["POST"]),
        Route(f"{prefix}/audio/voices", choices.voices),
        Route(f"{prefix}/audio/models", choices.models),
    ]


def _json(body: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
