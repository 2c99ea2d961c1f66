"""`GET /v1/audio/answers/{audio_id}`: a spoken answer once more, in any format."""

from starlette.datastructures import QueryParams
from starlette.types import Receive, Scope, Send

from vivavoce.server.caller import caller_of
from vivavoce.server.connection import send_whole, while_connected
from vivavoce.server.service import Service
from vivavoce.wire.queries import query
from vivavoce.wire.speech import CONTENT_TYPES, AnswerQuery, no_answer


class SpokenAnswers:
    """The endpoint, as ASGI."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        form = query(QueryParams(scope["query_string"]).multi_items(), AnswerQuery).format or "mp3"
        sound = self._sound(scope["path_params"]["audio_id"], caller_of(scope).project, form)
        data = await while_connected(receive, sound)
        await send_whole(send, 200, [(b"content-type", CONTENT_TYPES[form].encode())], data)

    async def _sound(self, audio_id: str, project: str, form: str) -> bytes:
        """The bytes of a file.

        Raises:
            NotFound: there is no answer of that id, project and age.
        """
        pcm = None
        if await self._service.answers.find(audio_id, project):
            pcm = await self._service.answers.sound(audio_id)
        if pcm is None:
            raise no_answer(audio_id)
        return await self._service.sounds.encode(pcm, "pcm16" if form == "pcm" else form)
