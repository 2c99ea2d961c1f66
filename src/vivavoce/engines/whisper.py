"""faster-whisper: hears about a hundred languages, with Whisper in CTranslate2's format."""

import logging
import math
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from vivavoce.audio.samples import to_floats
from vivavoce.core.audio import Pcm
from vivavoce.core.engines import Card, Hearing, Transcript, Word
from vivavoce.core.errors import BadRequest
from vivavoce.engines.beside import Give, beside
from vivavoce.engines.extras import ModelMissing, library
from vivavoce.engines.options import AtLeastOne, Count, FolderOrName

RATE = 16_000
UNHEARD = "This server's recogniser does not hear that language."


class FasterWhisper:
    """Hears one utterance a call. Its own decoder of sound files is never called: it stalls the process."""

    hears_at: int = RATE
    """Hz the sound must have."""

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """Which model, and how it runs."""

        model: FolderOrName
        """Its folder, or the name of one in the hub's cache, such as `small`."""
        device: str = "auto"
        compute_type: str = "default"
        threads: Count = 0
        """0: as many as the library thinks best."""
        parallel: AtLeastOne = 1
        """Calls at once; each takes memory and threads of its own."""
        language: str = ""
        """ISO-639-1: what it hears unless a request says otherwise; unset: told from the sound."""
        beam: AtLeastOne = 5
        vad_filter: bool = False
        """Whether to leave out what is not speech."""

    def __init__(self, options: Options) -> None:
        """Load the model.

        Raises:
            ExtraMissing: the library is not installed.
            ModelMissing: the model is not here.
        """
        os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
        whisper = library("faster_whisper")
        logging.getLogger("faster_whisper").setLevel(logging.ERROR)
        folder = Path(options.model).expanduser()
        if not folder.is_dir():
            try:
                folder = Path(whisper.download_model(options.model, local_files_only=True))
            except (OSError, ValueError):
                raise ModelMissing(f"model '{options.model}' is no folder, and not in the hub's cache") from None
        for name in ("model.bin", "tokenizer.json"):
            if not (folder / name).is_file():
                raise ModelMissing(f"{folder} has no {name}")
        runs = {"device": options.device, "compute_type": options.compute_type, "cpu_threads": options.threads}
        self._model: Any = whisper.WhisperModel(str(folder), num_workers=options.parallel, **runs)
        self._options = options

    def card(self) -> Card:
        """The languages it was trained on."""
        languages = tuple(sorted(code for code in self._model.supported_languages if len(code) == 2))
        return Card(Path(self._options.model).name, ("hear",), languages=languages, parallel=self._options.parallel)

    def transcribe(self, audio: Pcm, ask: Hearing) -> Iterator[Transcript | None]:
        """Yield each stretch of speech as it is understood; an empty transcript where there is none.

        Raises:
            BadRequest: a language it does not hear.
        """
        language = (ask.language or self._options.language).lower().split("-")[0] or None
        if language not in {None, *self._model.supported_languages}:
            raise BadRequest(UNHEARD, param="language", code="unsupported_value")
        heard = False
        if audio.data:
            for found in beside(partial(self._hear, audio, ask, language), "whisper"):
                heard = heard or found is not None
                yield found
        if not heard:
            yield Transcript("", end_s=audio.seconds, language=language)

    def _hear(self, audio: Pcm, ask: Hearing, language: str | None, give: Give[Transcript]) -> None:
        asked = {"language": language, "initial_prompt": ask.prompt, "word_timestamps": ask.words}
        own = {"beam_size": self._options.beam, "vad_filter": self._options.vad_filter}
        task = "translate" if ask.translate else "transcribe"
        segments, info = self._model.transcribe(to_floats(audio), task=task, **asked, **own)
        earliest = 0.0
        for segment in segments:
            found = _transcript(segment, earliest, audio.seconds, info.language)
            if not give(found):
                return
            earliest = found.start_s


def _transcript(segment: Any, earliest: float, latest: float, language: str) -> Transcript:
    """A segment of the library's as ours, in order and within the sound: a model's times may be neither."""

    def within(seconds: float) -> float:
        return min(max(float(seconds), earliest), latest)

    words = [Word(w.word.strip(), within(w.start), within(w.end), float(w.probability)) for w in segment.words or ()]
    said, sure = tuple(word for word in words if word.text), min(1.0, math.exp(segment.avg_logprob))
    start_s, end_s = within(segment.start), within(max(segment.start, segment.end))
    return Transcript(segment.text.strip(), True, start_s, end_s, said, sure, language)
