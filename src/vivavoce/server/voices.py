"""`GET /v1/audio/voices` and `/v1/audio/models`, which clients ask for what they may choose."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from vivavoce.server.caller import caller_of
from vivavoce.server.service import Service
from vivavoce.wire.pages import Named, SpeechModels, VoiceList


class Choices:
    """What there is to choose."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def voices(self, request: Request) -> Response:
        """Every voice of every model that reads aloud, each once."""
        models = self._service.models_of(caller_of(request.scope)).values()
        names = [voice for model in models if model.speaker is not None for voice in model.card.voices]
        return _json(VoiceList([Named(name, name) for name in dict.fromkeys(names)]))

    async def models(self, request: Request) -> Response:
        """Every model that reads aloud."""
        models = self._service.models_of(caller_of(request.scope)).items()
        return _json(SpeechModels([Named(name, name) for name, model in models if model.speaker is not None]))


def _json(body: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")
