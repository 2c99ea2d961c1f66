"""The engine: what may be asked of it, and its answers. Words stream; their sound follows once it is whole."""

from collections.abc import Iterator
from functools import partial
from typing import TypeAlias

import msgspec

from vivavoce.audio.samples import from_floats
from vivavoce.core.audio import FRAME_SAMPLES, SAMPLE_BYTES, SPOKEN_RATE, Pcm
from vivavoce.core.context import check_fits
from vivavoce.core.engines import Card
from vivavoce.core.errors import unknown_voice
from vivavoce.core.turn import AudioDelta, Reason, TextDelta, Turn, TurnDone, Usage
from vivavoce.core.usage import SAID_TOKENS_A_SECOND, audio_tokens_in
from vivavoce.engines.beside import Give, beside
from vivavoce.engines.extras import ModelMissing
from vivavoce.engines.omni.asking import Asked, check_served, messages
from vivavoce.engines.omni.model import RATE, Model
from vivavoce.engines.options import AtLeastOne, FolderOrName, Seconds

Event: TypeAlias = TextDelta | AudioDelta | TurnDone

SECOND = RATE * SAMPLE_BYTES


class Omni:
    """One model, one answer at a time."""

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """Which model, and how it runs."""

        model: FolderOrName
        """Its folder, or the name of one in the hub's cache, such as `Qwen/Qwen2.5-Omni-7B`."""
        device: str = "auto"
        """Such as `cuda:0` or `cpu`; `auto`: spread over what there is."""
        dtype: str = "auto"
        """Such as `bfloat16`; `auto`: as its weights are."""
        voices: dict[str, str] = {}
        """Names for its speakers; unset: their own."""
        max_answer: AtLeastOne = 512
        """Most tokens of an answer's words."""
        max_speech_s: Seconds = 120.0
        """Most seconds of an answer's sound."""
        instruction: str = ""
        """What the model is told before anything a client tells it."""

    def __init__(self, options: Options) -> None:
        """Load the model; takes minutes for a large one.

        Raises:
            ExtraMissing: the libraries are not installed.
            ModelMissing: the model is not here, not whole, of another kind, or without a speaker that `voices` names.
        """
        self._options = options
        self._model = Model(options.model, options.device, options.dtype)
        self._voices = options.voices or {name: name for name in self._model.speakers}
        for name, speaker in self._voices.items():
            if speaker not in self._model.speakers:
                raise ModelMissing(f"voices: {name} is '{speaker}', which is none of {', '.join(self._model.speakers)}")

    @staticmethod
    def foretold(options: Options) -> Card:
        """What its options tell of it."""
        return Card(roles=("respond",), voices=tuple(options.voices))

    def card(self) -> Card:
        """What the model can do."""
        name = self._options.model.rstrip("/").rpartition("/")[2]
        most = self._options.max_answer + int(self._options.max_speech_s * SAID_TOKENS_A_SECOND)
        voices = tuple(self._voices)
        return Card(name, ("respond",), voices, context=self._model.context, max_output=most, listens=True)

    def respond(self, turn: Turn) -> Iterator[Event | None]:
        """Yield words as they are made, then their sound.

        Raises:
            BadRequest: it has no such voice, cannot do what is asked, or the turn is longer than its context.
        """
        if turn.voice is not None and turn.voice not in self._voices:
            raise unknown_voice(turn.voice, tuple(self._voices))
        check_served(turn)
        yield from beside(partial(self._answer, turn), "omni")

    def _answer(self, turn: Turn, give: Give[Event]) -> None:
        prompt = self._model.read(messages(turn, self._options.instruction, self._model.plain))
        check_fits(turn, prompt.tokens, self._model.context)
        budget = turn.sampling.max_tokens
        speaker = None if turn.voice is None else self._voices[turn.voice]
        most = min(self._options.max_answer, budget or self._options.max_answer)
        most_s = self._options.max_speech_s
        if budget is not None:
            most_s = min(most_s, budget / SAID_TOKENS_A_SECOND)
        words = self._model.words(turn.sampling.stop, give)
        samples = self._model.answer(prompt, words, Asked(speaker, most, most_s, turn.sampling), lambda: give(None))
        cut, said = words.tokens >= most and not words.ended, 0
        if samples is not None:
            if budget is not None:
                most_s = min(most_s, max(budget - words.tokens, 0) / SAID_TOKENS_A_SECOND)
            whole = from_floats(samples, RATE)
            pcm = whole.until(most_s)
            cut, said = cut or pcm.samples < whole.samples, pcm.samples
            for start in range(0, len(pcm.data), SECOND):
                end = min(start + SECOND, len(pcm.data))
                text_end = len(words.text) * end // len(whole.data)
                give(AudioDelta(Pcm(pcm.data[start:end], RATE), text_end))
        reason: Reason = "length" if cut else "stop"
        read, frames = prompt.tokens - prompt.heard, -(-said * SPOKEN_RATE // RATE // FRAME_SAMPLES)
        give(TurnDone(reason, Usage(read, audio_tokens_in(turn), words.tokens, frames)))
