"""eSpeak NG: robotic voices in about a hundred languages, from the library its wheel carries."""

import ctypes
import re
from collections.abc import Iterator
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_uint, c_void_p
from pathlib import Path
from typing import NamedTuple

import espeakng_loader
import msgspec

from vivavoce.core.audio import SAMPLE_BYTES, Pcm
from vivavoce.core.engines import Card, Utterance
from vivavoce.core.errors import unknown_voice

_SYNCHRONOUS = 2
_NO_EXIT = 0x8000
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_NORMAL_RATE = 175  # words a minute
_SLOWEST = 80  # eSpeak goes no slower
_CHUNK_MS = 100

# 300 characters are spoken in 20 ms or so: between such pieces a call can be stopped. Cut at the end of a
# sentence, else at a comma, else between words.
_PIECES = re.compile(
    r".{1,300}\Z|.{1,300}[.!?](?=\s)|.{1,300}[。！？]|.{1,300}[,;:、，](?=\s?)|.{1,300}(?=\s)|.{1,300}",
    re.DOTALL,
)


class Variant(NamedTuple):
    """A voice: one of eSpeak's variants, its pitch and how far the pitch moves (0 to 100; 50 is eSpeak's own)."""

    name: str
    pitch: int = 50
    range: int = 50


VOICES = {
    "alloy": Variant("f5", 37),
    "ash": Variant("m3", 45),
    "ballad": Variant("m7", 78, 65),
    "coral": Variant("f2", 52, 60),
    "echo": Variant("m1", 42),
    "fable": Variant("m4", 76, 70),
    "nova": Variant("f3", 58, 60),
    "onyx": Variant("m8", 20, 40),
    "sage": Variant("f4", 35, 40),
    "shimmer": Variant("f1", 96, 60),
    "verse": Variant("m2", 60, 60),
    "marin": Variant("Annie", 55),
    "cedar": Variant("m6", 22),
}

# eSpeak's own name for a language where it is another than ISO's; American English, as the voices' names are.
_INVENTED = {"py"}  # two letters, but not of ISO-639-1
_DICTIONARIES = {"zh": "cmn", "nb": "no"}
_NAMES = {"en": "en-us", "zh": "cmn", "no": "nb"}


class Espeak:
    """Says text in any of its languages, 22.05 kHz. It keeps global state: one call at a time, one in a process."""

    class Options(msgspec.Struct, forbid_unknown_fields=True):
        """Nothing to choose."""

    def __init__(self, options: Options | None = None) -> None:
        """Load the library.

        Raises:
            RuntimeError: its data cannot be read.
        """
        del options
        self._lib = _library()
        data = espeakng_loader.get_data_path().encode()
        self._hertz = int(self._lib.espeak_Initialize(_SYNCHRONOUS, _CHUNK_MS, data, _NO_EXIT))
        if self._hertz <= 0:
            raise RuntimeError("eSpeak NG cannot read its data")
        self._heard = bytearray()
        self._callback = _Callback(self._collect)  # kept: C holds a bare pointer to it
        self._lib.espeak_SetSynthCallback(self._callback)
        self._languages = tuple(sorted(code for code in self._listed() if _dictionary(code).exists()))

    @staticmethod
    def foretold(options: Options) -> Card:
        """Its voices; which languages there are, the library knows."""
        del options
        return Card(roles=("speak",), voices=tuple(VOICES))

    def card(self) -> Card:
        """The voices, each in every language."""
        note = "a robotic voice"
        return Card("eSpeak NG", ("speak",), tuple(VOICES), self._languages, parallel=1, note=note)

    def synthesize(self, say: Utterance) -> Iterator[Pcm | None]:
        """Yield the sound piece by piece, 22.05 kHz. An unknown language is read as English is.

        Raises:
            BadRequest: no such voice.
        """
        variant = VOICES.get(say.voice)
        if variant is None:
            raise unknown_voice(say.voice, tuple(VOICES))
        text = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]+", " ", say.text)
        for piece in _PIECES.findall(text):
            if any(map(str.isalnum, piece)):
                # Set each time: another call may have come between two pieces.
                self._set_up(variant, say)
                yield from self._say(piece.strip())

    def _set_up(self, variant: Variant, say: Utterance) -> None:
        language = say.language.lower().split("-")[0]
        language = language if language in self._languages else "en"
        name = f"{_NAMES.get(language, language)}+{variant.name}"
        self._lib.espeak_SetVoiceByName(name.encode())
        rate = max(_SLOWEST, _NORMAL_RATE * say.speed)
        for parameter, value in ((_RATE, rate), (_PITCH, variant.pitch), (_RANGE, variant.range)):
            self._lib.espeak_SetParameter(parameter, round(value), 0)

    def _say(self, text: str) -> Iterator[Pcm | None]:
        self._heard.clear()
        data = text.encode()
        self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        yield Pcm(bytes(self._heard), self._hertz)

    def _collect(self, samples: int | None, size: int, _events: int) -> int:
        """Called by eSpeak for each chunk."""
        if samples and size > 0:
            self._heard += ctypes.string_at(samples, size * SAMPLE_BYTES)
        return 0

    def _listed(self) -> set[str]:
        """ISO-639-1 codes of the languages in its list."""
        listed = self._lib.espeak_ListVoices(None)
        found: set[str] = set()
        at = 0
        while listed[at]:
            found |= _codes(listed[at].contents.languages)
            at += 1
        return found - _INVENTED


class _Voice(ctypes.Structure):
    _fields_ = (("name", c_char_p), ("languages", c_void_p))  # as much of espeak_VOICE as we read


_Callback = ctypes.CFUNCTYPE(c_int, c_void_p, c_int, c_void_p)


def _dictionary(code: str) -> Path:
    """Where a language's words are: it may be listed without."""
    return Path(espeakng_loader.get_data_path()) / f"{_DICTIONARIES.get(code, code)}_dict"


def _codes(at: int) -> set[str]:
    """Read a list of languages, each a byte of priority and a C string; an empty one ends it."""
    found: set[str] = set()
    while ctypes.string_at(at, 1) != b"\0":
        code = ctypes.string_at(at + 1)
        at += len(code) + 2
        if len(code) == 2:
            found.add(code.decode("ascii"))
    return found


def _library() -> ctypes.CDLL:
    """Load the library with the types of what we call."""
    lib = ctypes.CDLL(espeakng_loader.get_library_path())
    for function, result, arguments in (
        ("espeak_Initialize", c_int, [c_int, c_int, c_char_p, c_int]),
        ("espeak_SetSynthCallback", None, [_Callback]),
        ("espeak_ListVoices", POINTER(POINTER(_Voice)), [c_void_p]),
        ("espeak_SetVoiceByName", c_int, [c_char_p]),
        ("espeak_SetParameter", c_int, [c_int, c_int, c_int]),
        ("espeak_Synth", c_int, [c_char_p, c_size_t, c_uint, c_int, c_uint, c_uint, c_void_p, c_void_p]),
    ):
        getattr(lib, function).restype = result
        getattr(lib, function).argtypes = arguments
    return lib
