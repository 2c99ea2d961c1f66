"""Flite: an English voice far easier to understand than eSpeak NG's, where the system has libflite."""

import ctypes
import re
import unicodedata
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import msgspec

from vivavoce.core.audio import SAMPLE_BYTES, Pcm
from vivavoce.core.engines import Card, Utterance
from vivavoce.core.errors import unknown_voice
from vivavoce.engines.beside import Give, beside
from vivavoce.engines.libflite import Base, Callback, FliteMissing, Wave, installed, library, load_voice, streaming

RATE = 16_000

_FIRST_CHUNK = 320  # samples, 20 ms: heard at once
_NEXT_CHUNKS = 1_600  # 100 ms: fewer messages between processes
_STOP, _GO_ON = -1, 0
_LIBC = ctypes.CDLL(None)

# What is said in one go cannot be stopped before its first sound, so long texts are cut: at the end of a
# sentence, else at a comma, else between words. Words are cut as well: nobody says 60 letters in one.
_PIECES = re.compile(r".{1,300}\Z|.{1,300}[.!?](?=\s)|.{1,300}[,;:](?=\s)|.{1,300}(?=\s)|.{1,300}", re.DOTALL)
_LONG_WORD = re.compile(r"(\S{40})(?=\S)")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": ", ", "…": "...", "€": " euros "})


class Variant(NamedTuple):
    """A voice made of a base voice: `pitch` moves its melody alone, `rate` the size of its speaker as well."""

    base: str
    pitch: float = 1.0
    rate: float = 1.0
    """Factor on the declared sample rate; the tempo is made up for."""


# `python bench/voices.py` measures these; docs/voices.md has the figures a change must keep.
VOICES = {
    "alloy": Variant("slt"),
    "ash": Variant("rms", rate=1.1),
    "ballad": Variant("awb", pitch=1.2),
    "coral": Variant("slt", pitch=1.2),
    "echo": Variant("awb", pitch=0.75),
    "fable": Variant("awb"),
    "nova": Variant("slt", pitch=1.32),
    "onyx": Variant("rms", rate=0.92),
    "sage": Variant("slt", pitch=0.8),
    "shimmer": Variant("slt", pitch=1.45),
    "verse": Variant("rms", rate=1.2),
    "marin": Variant("slt", pitch=0.9),
    "cedar": Variant("rms"),
    "slt": Variant("slt"),
    "rms": Variant("rms"),
    "awb": Variant("awb"),
    "kal16": Variant("kal16"),
}


class Flite:
    """Says English with libflite's voices, 16 kHz; each call streams from a thread of its own, one at a time."""

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """Nothing to choose."""

    def __init__(self, options: Options | None = None) -> None:
        """Load libflite and its voices: 40 ms, 30 MB.

        Raises:
            FliteMissing: they are not there.
        """
        del options
        if not installed():
            raise FliteMissing
        self._lib, self._info = library(), streaming()
        self._callback = Callback(self._chunk)  # kept: C holds a bare pointer to it
        self._bases = {name: load_voice(name) for name in sorted({each.base for each in VOICES.values()})}
        self._rate = RATE
        self._give: Give[Pcm] | None = None

    @staticmethod
    def foretold(options: Options) -> Card:
        """All of its card but the remark.

        Raises:
            FliteMissing: the system has no libflite.
        """
        del options
        if not installed():
            raise FliteMissing
        return Card("Flite", ("speak",), tuple(VOICES), ("en",))

    def card(self) -> Card:
        """Its voices; English only."""
        note = "a statistical voice of 2008: understandable, never natural"
        return Card("Flite", ("speak",), tuple(VOICES), ("en",), parallel=1, note=note)

    def synthesize(self, say: Utterance) -> Iterator[Pcm | None]:
        """Yield the sound as it is made; the rate is the variant's (16 kHz times its factor).

        Raises:
            BadRequest: no such voice.
        """
        variant = VOICES.get(say.voice)
        if variant is None:
            raise unknown_voice(say.voice, tuple(VOICES))
        pieces = _pieces(say.text)
        if not pieces:
            return
        self._set_up(variant, say.speed)
        yield from beside(partial(self._run, pieces, self._bases[variant.base]), "flite")

    def _set_up(self, variant: Variant, speed: float) -> None:
        base = self._bases[variant.base]
        self._info.contents.asc = self._callback
        self._rate = round(RATE * variant.rate)
        stretch = base.stretch * variant.rate / speed
        self._lib.flite_feat_set_float(base.features, b"f0_shift", variant.pitch)
        self._lib.flite_feat_set_float(base.features, b"duration_stretch", stretch)

    def _run(self, pieces: list[bytes], base: Base, give: Give[Pcm]) -> None:
        self._info.contents.min_buffsize = _FIRST_CHUNK
        _LIBC.srand(1)  # the voices' breath is rand(): the same words are to sound the same
        self._give = give
        for piece in pieces:
            if self._give is None:
                break
            tokens = self._lib.ts_open_string(piece, *base.signs)
            self._lib.flite_ts_to_speech(tokens, base.voice, b"stream")  # closes the tokens

    def _chunk(self, wave: int, start: int, size: int, _last: int, _info: int) -> int:
        """Take a chunk from libflite: called in the speaking thread."""
        if self._give is None:
            return _STOP
        if size > 0:
            at = Wave.from_address(wave).samples + start * SAMPLE_BYTES
            if not self._give(Pcm(ctypes.string_at(at, size * SAMPLE_BYTES), self._rate)):
                self._give = None
                return _STOP
            self._info.contents.min_buffsize = _NEXT_CHUNKS
        return _GO_ON


def _pieces(text: str) -> list[bytes]:
    """Cut text into what is said in one go: plain ASCII, nothing without a letter or digit."""
    plain = unicodedata.normalize("NFKD", text.translate(_PLAIN)).encode("ascii", "ignore").decode("ascii")
    words = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", plain).split())
    cut: list[str] = _PIECES.findall(_LONG_WORD.sub(r"\1 ", words))
    return [piece.encode("ascii") for piece in cut if any(map(str.isalnum, piece))]
