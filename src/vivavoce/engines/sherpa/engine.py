"""The engine: which model it is, and what may be asked of it. docs/engines.md says which kinds have been run."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Card, Hearing, Transcript, Utterance
from vivavoce.core.errors import BadRequest, unknown_voice
from vivavoce.engines.extras import library
from vivavoce.engines.options import AtLeastOne, Count, LocalFile, LocalFolder
from vivavoce.engines.sherpa import models
from vivavoce.engines.sherpa.ears import RATE, Ears
from vivavoce.engines.sherpa.files import Setting
from vivavoce.engines.sherpa.voice import Voice


class SherpaOnnx:
    """Hears or speaks, as its model does, one call at a time."""

    hears_at: int = RATE
    """Hz the sound must have."""

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """Which model, and how it runs."""

        model: LocalFolder
        """Its folder."""
        kind: str = ""
        """As the library calls it, such as `whisper` or `vits`; unset: told from the folder."""
        streaming: bool | None = None
        """Whether the recogniser streams; unset: whether the folder's name says so."""
        threads: AtLeastOne = 2
        device: str = "cpu"
        language: str = ""
        """ISO-639-1: the one it hears or speaks; unset: any."""
        voices: dict[str, Count] = {}
        """Names for its speakers; unset: their numbers."""
        reference: LocalFile = ""
        """A WAV file of the voice to sound like, for models that want one."""
        reference_text: str = ""
        """What is said in it."""
        settings: dict[str, Setting] = {}
        """Arguments of the library's own, files among them."""

    def __init__(self, options: Options) -> None:
        """Load the model.

        Raises:
            ExtraMissing: the library is not installed.
            Unclear: the folder, with the options, is not enough to go by.
        """
        sherpa = library("sherpa_onnx")
        folder = Path(options.model).expanduser()
        settings = {"num_threads": options.threads, "provider": options.device, **options.settings}
        model = models.find(sherpa, folder, options.kind, options.streaming)
        self._name, self._language = folder.name, options.language
        self._ears: Ears | None = None
        self._voice: Voice | None = None
        self._voices: dict[str, int] = {}
        self._translates = options.language == "en" or settings.get("task") == "translate"
        if model.hears:
            self._ears = Ears(models.recogniser(model, options.language, settings), options.language)
        else:
            self._voice = Voice(
                sherpa, models.voice(sherpa, model, settings), options.reference, options.reference_text
            )
            self._voices = options.voices or {str(number): number for number in range(self._voice.speakers)}
            for name, number in self._voices.items():
                if not 0 <= number < self._voice.speakers:
                    raise models.Unclear(f"voices: {name} is speaker {number} of {self._voice.speakers}, from 0 on")

    @staticmethod
    def foretold(options: Options) -> Card:
        """What its options tell of it: not which of the two it does."""
        language = (options.language,) if options.language else ()
        return Card(roles=("hear", "speak"), voices=tuple(options.voices), languages=language)

    def card(self) -> Card:
        """What the model does."""
        roles = ("hear",) if self._ears else ("speak",)
        return Card(self._name, roles, tuple(self._voices), (self._language,) if self._language else ())

    def transcribe(self, audio: Pcm, ask: Hearing) -> Iterator[Transcript | None]:
        """Yield what is heard: as it grows where the model streams, else stretch by stretch.

        Raises:
            BadRequest: it hears another language, does not translate, or does not hear.
        """
        if self._ears is None:
            raise BadRequest("This server's engine speaks; it does not hear.", param="model", code="unsupported_value")
        if ask.language and self._language and ask.language.lower().split("-")[0] != self._language:
            message = f"This server's recogniser hears '{self._language}' only."
            raise BadRequest(message, param="language", code="unsupported_value")
        if ask.translate and not self._translates:
            message = "This server's recogniser does not translate."
            raise BadRequest(message, param="model", code="unsupported_value")
        yield from self._ears.hear(audio, words=ask.words)

    def synthesize(self, say: Utterance) -> Iterator[Pcm | None]:
        """Yield the sound as it is made, sentence by sentence with most models.

        Raises:
            BadRequest: no such voice.
        """
        if self._voice is None or say.voice not in self._voices:
            raise unknown_voice(say.voice, tuple(self._voices))
        yield from self._voice.say(say.text, self._voices[say.voice], say.speed)
