"""PocketSphinx: hears English with the model its wheel carries; no account, no download."""

import re
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, cast

import msgspec
from pocketsphinx import Decoder  # pyright: ignore[reportUnknownVariableType]  # it has no types

from vivavoce.core.audio import SAMPLE_BYTES, Pcm
from vivavoce.core.engines import Card, Hearing, Transcript, Word
from vivavoce.core.errors import BadAudio, BadRequest
from vivavoce.engines.options import Probability

RATE = 16_000
_BLOCK = RATE // 10 * SAMPLE_BYTES  # 100 ms: how often a call can be stopped
_FRAME = RATE // 50  # samples, 20 ms: the grain of levels
_FRAMES_A_SECOND = 100  # the decoder's own
_PAD = 25  # frames of quiet kept around speech: the decoder learns the noise from them
_LONGEST, _SHORTEST_CUT = 5 * 50, 5 * 25  # frames; the second pass over a stretch cannot be stopped
_SILENCE = 30  # peak of 32767: nobody speaks below
_LEVELS, _WORDS = "levels", "_default"
_PRONUNCIATION = re.compile(r"\(\d+\)$")


class PocketSphinx:
    """Hears one utterance at a time, 16 kHz English. The sound must have the rate `hears_at`."""

    hears_at: int = RATE
    """Hz the sound must have."""

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """How hard to listen: smaller beams are wider, hear better and take longer."""

        beam: Probability = 1e-80
        word_beam: Probability = 1e-60
        flat_beam: Probability = 1e-80
        """The same for the second pass."""
        flat_word_beam: Probability = 1e-40

    def __init__(self, options: Options | None = None) -> None:
        """Load the model: about a second, 120 MB."""
        options = options or self.Options()
        make = cast("Callable[..., Any]", Decoder)
        self._decoder = make(
            loglevel="FATAL",  # its log has what people said
            beam=options.beam,
            pbeam=options.beam,
            wbeam=options.word_beam,
            fwdflatbeam=options.flat_beam,
            fwdflatwbeam=options.flat_word_beam,
        )
        self._decoder.add_jsgf_string(_LEVELS, "#JSGF V1.0; grammar g; public <g> = a;")

    def card(self) -> Card:
        """English, and what hears better."""
        note = "an English model of the 2010s: best with clear speech close by"
        return Card("PocketSphinx en-us", ("hear",), languages=("en",), parallel=1, note=note)

    def transcribe(self, audio: Pcm, ask: Hearing) -> Iterator[Transcript | None]:
        """Yield None while decoding, then one final transcript; its text is empty where no words were heard.

        Raises:
            BadRequest: another language than English was asked for.
            BadAudio: the sound has another rate than `hears_at`.
        """
        if ask.language and ask.language.lower().split("-")[0] != "en":
            message = "This server's recogniser hears English only."
            raise BadRequest(message, param="language", code="unsupported_value")
        if audio.rate != RATE:
            raise BadAudio
        words: list[Word] = []
        for start, end in _stretches(audio.data):
            yield from self._decode(audio.data[start * SAMPLE_BYTES : end * SAMPLE_BYTES])
            words += self._heard(start / RATE)
        yield Transcript(
            " ".join(word.text for word in words),
            end_s=audio.seconds,
            words=tuple(words) if ask.words else (),
            confidence=sum(word.confidence or 0.0 for word in words) / len(words) if words else None,
            language="en",
        )

    def _decode(self, data: bytes) -> Iterator[None]:
        """Run the passes over one stretch of speech."""
        level = self._level(data)
        yield None
        self._decoder.activate_search(_WORDS)
        self._decoder.reinit_feat()
        self._decoder.set_cmn(level)
        self._decoder.start_utt()
        try:
            for at in range(0, len(data), _BLOCK):
                self._decoder.process_raw(data[at : at + _BLOCK])
                yield None
        except BaseException:
            self._leave()
            raise
        self._decoder.end_utt()
        yield None  # reading the words takes its time as well: the decoder weighs them against one another only then

    def _leave(self) -> None:
        """End a stretch nobody waits for, without the second pass over what has come of it.

        The decoder has no word for that. It does refuse the pass where the sound's features are gone.
        """
        self._decoder.reinit_feat()
        with suppress(RuntimeError):
            self._decoder.end_utt()

    def _level(self, data: bytes) -> str:
        """Take the mean cepstrum of the whole stretch, which the decoder hears better with than with a running mean.

        It takes one only where it gets the whole stretch at once, and then cannot be stopped: so this runs with a
        grammar of one word, which costs next to nothing. Noise estimates of earlier calls are forgotten.
        """
        self._decoder.activate_search(_LEVELS)
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(data, no_search=True, full_utt=True)
        level: str = self._decoder.get_cmn(False)
        self._decoder.end_utt()
        return level

    def _heard(self, offset_s: float) -> list[Word]:
        """Words of the stretch just decoded, without fillers such as `<sil>`, `[NOISE]` and `++UM++`."""
        if self._decoder.hyp() is None:
            return []
        return [
            Word(
                _PRONUNCIATION.sub("", segment.word),
                offset_s + segment.start_frame / _FRAMES_A_SECOND,
                offset_s + (segment.end_frame + 1) / _FRAMES_A_SECOND,
                min(1.0, segment.prob),
            )
            for segment in self._decoder.seg()
            if segment.word[0] not in "<[+"
        ]


def _stretches(data: bytes) -> list[tuple[int, int]]:
    """Where speech is, in samples: without the quiet around it, and cut where it is quietest if it is long."""
    samples = array("h", data)
    frames = (samples[at : at + _FRAME] for at in range(0, len(samples), _FRAME))
    peaks = [max(map(abs, (max(frame), min(frame)))) for frame in frames]
    loudest = max(peaks, default=0)
    if loudest < _SILENCE:
        return []
    # Twice the room's noise, unless that is speech as well: then nothing is quiet.
    floor = min(max(loudest * 0.03, 2 * sorted(peaks)[len(peaks) // 10]), loudest * 0.2)
    loud = [at for at, peak in enumerate(peaks) if peak >= floor]
    start, end = max(0, loud[0] - _PAD), min(len(peaks), loud[-1] + 1 + _PAD)
    found: list[tuple[int, int]] = []
    while end - start > _LONGEST:
        cut = min(range(start + _SHORTEST_CUT, start + _LONGEST), key=lambda at: sum(peaks[at - 5 : at + 5]))
        found.append((start * _FRAME, cut * _FRAME))
        start = cut
    return [*found, (start * _FRAME, min(end * _FRAME, len(samples)))]
