"""Every operation there is: where it is, what it takes and what it gives. The server and `openapi` both read it."""

from collections.abc import Mapping

from vivavoce.wire.administration import ADMINISTERING
from vivavoce.wire.batching import BATCHING
from vivavoce.wire.chunks import Chunk
from vivavoce.wire.completion import Completion
from vivavoce.wire.errors import Envelope
from vivavoce.wire.filing import FILING
from vivavoce.wire.listing import CompletionsQuery, Query
from vivavoce.wire.metering import METERING
from vivavoce.wire.models import ModelBody, ModelList
from vivavoce.wire.operation import EVENTS, FORM, FOUND, HTML, JSON, LISTED, PAGE, PLAIN, POST, Kinds, Operation
from vivavoce.wire.pages import About, Health, SpeechModels, VoiceList
from vivavoce.wire.request import ChatRequest
from vivavoce.wire.speech import CONTENT_TYPES, AnswerQuery, SpeechDelta, SpeechDone, SpeechRequest
from vivavoce.wire.stored import CompletionPage, Deleted, StoredCompletion, Update
from vivavoce.wire.stored_messages import MessagePage
from vivavoce.wire.transcript import LongAnswer, ShortAnswer, TextDelta, TextDone
from vivavoce.wire.transcription import FormUpload, JsonUpload
from vivavoce.wire.transcription_errors import FailedTranscription

UPLOAD: Mapping[int, Kinds] = {
    **POST,
    400: (FailedTranscription, Envelope),
    **dict.fromkeys((404, 413), (FailedTranscription,)),
}

OPERATIONS = (
    Operation(
        "about", "GET", "/", "Say what this is; browsers get the playground.", {JSON: (About,), HTML: (str,)}, open=True
    ),
    Operation("getOpenAPI", "GET", "/openapi.json", "This description.", {JSON: (dict,)}, open=True),
    Operation("isLive", "GET", "/health/live", "Whether the server answers.", {JSON: (Health,)}, open=True),
    Operation(
        "isReady",
        "GET",
        "/health/ready",
        "Whether every engine has answered and runs.",
        {JSON: (Health,)},
        fails={**PAGE, 503: (Health, Envelope)},
        open=True,
    ),
    Operation("getMetrics", "GET", "/metrics", "What was measured, for Prometheus.", {PLAIN: (str,)}, fails=FOUND),
    Operation("listModels", "GET", "/models", "All models.", {JSON: (ModelList,)}),
    Operation(
        "retrieveModel",
        "GET",
        "/models/{model:path}",
        "One model.",
        {JSON: (ModelBody,)},
        fails=FOUND,
    ),
    Operation(
        "deleteModel",
        "DELETE",
        "/models/{model:path}",
        "Delete a fine-tuned model: there is none.",
        {},
        fails={**FOUND, 403: (Envelope,)},
    ),
    Operation(
        "createChatCompletion",
        "POST",
        "/chat/completions",
        "Answer a conversation, written or spoken, whole or streamed.",
        {JSON: (Completion,), EVENTS: (Chunk, Envelope)},
        takes={JSON: (ChatRequest,)},
        fails=POST,
    ),
    Operation(
        "listChatCompletions",
        "GET",
        "/chat/completions",
        "Stored completions, part by part.",
        {JSON: (CompletionPage,)},
        query=CompletionsQuery,
        fails=LISTED,
    ),
    Operation(
        "getChatCompletion",
        "GET",
        "/chat/completions/{completion_id}",
        "One stored completion.",
        {JSON: (StoredCompletion,)},
        fails=FOUND,
    ),
    Operation(
        "updateChatCompletion",
        "POST",
        "/chat/completions/{completion_id}",
        "Give a stored completion other metadata.",
        {JSON: (StoredCompletion,)},
        takes={JSON: (Update,)},
        fails=POST,
    ),
    Operation(
        "deleteChatCompletion",
        "DELETE",
        "/chat/completions/{completion_id}",
        "Delete a stored completion.",
        {JSON: (Deleted,)},
        fails=FOUND,
    ),
    Operation(
        "getChatCompletionMessages",
        "GET",
        "/chat/completions/{completion_id}/messages",
        "The messages that a stored completion answers, part by part.",
        {JSON: (MessagePage,)},
        query=Query,
        fails={**FOUND, **LISTED},
    ),
    Operation(
        "createSpeech",
        "POST",
        "/audio/speech",
        "Read a text aloud.",
        {**dict.fromkeys(CONTENT_TYPES.values(), (bytes,)), EVENTS: (SpeechDelta, SpeechDone, Envelope)},
        takes={JSON: (SpeechRequest,)},
        fails=POST,
    ),
    Operation(
        "getSpokenAnswer",
        "GET",
        "/audio/answers/{audio_id}",
        "The sound of a spoken answer, while its id lives.",
        dict.fromkeys(CONTENT_TYPES.values(), (bytes,)),
        query=AnswerQuery,
        fails={**FOUND, **LISTED},
    ),
    Operation(
        "createTranscription",
        "POST",
        "/audio/transcriptions",
        "Write down what was said.",
        {JSON: (ShortAnswer, LongAnswer), PLAIN: (str,), EVENTS: (TextDelta, TextDone, Envelope)},
        takes={FORM: (FormUpload,), JSON: (JsonUpload,)},
        fails=UPLOAD,
    ),
    Operation(
        "createTranslation",
        "POST",
        "/audio/translations",
        "Write down in English what was said.",
        {JSON: (ShortAnswer, LongAnswer), PLAIN: (str,)},
        takes={FORM: (FormUpload,), JSON: (JsonUpload,)},
        fails=UPLOAD,
    ),
    Operation("listVoices", "GET", "/audio/voices", "All voices that read aloud.", {JSON: (VoiceList,)}),
    Operation("listSpeechModels", "GET", "/audio/models", "All models that read aloud.", {JSON: (SpeechModels,)}),
    *FILING,
    *BATCHING,
    *ADMINISTERING,
    *METERING,
)
