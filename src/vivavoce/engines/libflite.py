"""libflite by ctypes: its library, its voices, and the layouts of what passes between us."""

import ctypes
from ctypes import POINTER, c_char_p, c_float, c_int, c_void_p
from ctypes.util import find_library
from functools import cache
from typing import Any, NamedTuple

MISSING = "libflite is not installed. On Debian and Ubuntu: apt install flite"


class FliteMissing(RuntimeError):
    """The system has no libflite; the message says how to get it."""

    def __init__(self) -> None:
        super().__init__(MISSING)


def installed() -> bool:
    """Whether libflite and its voices can be found; loads nothing."""
    return bool(find_library("flite") and find_library("flite_cmu_us_slt"))


class Wave(ctypes.Structure):
    """cst_wave."""

    _fields_ = (
        ("type", c_char_p),
        ("sample_rate", c_int),
        ("num_samples", c_int),
        ("num_channels", c_int),
        ("samples", c_void_p),
    )


Callback = ctypes.CFUNCTYPE(c_int, c_void_p, c_int, c_int, c_int, c_void_p)


class Streaming(ctypes.Structure):
    """cst_audio_streaming_info, as Flite 2.0 to 2.2 lay it out: libflite makes it, we fill in the first two."""

    _fields_ = (("min_buffsize", c_int), ("asc", Callback))


class Voice(ctypes.Structure):
    """As much of cst_voice as we read."""

    _fields_ = (("name", c_char_p), ("features", c_void_p))


class Base(NamedTuple):
    """A voice that is loaded."""

    voice: int
    features: int
    stretch: float
    """The voice's own duration_stretch."""
    signs: tuple[bytes | None, ...]
    """What parts its tokens: whitespace, single characters, punctuation before and after."""


# Voices and what they stream to are libflite's own globals: taken once in a process, never freed.
@cache
def streaming() -> Any:
    """What libflite asks how to stream; one in a process."""
    return library().new_audio_streaming_info()


@cache
def load_voice(name: str) -> Base:
    """Load a voice, such as `slt`, once.

    Raises:
        FliteMissing: it is not there.
    """
    lib = library()
    found = find_library(f"flite_cmu_us_{name}")
    if found is None:
        raise FliteMissing
    register = getattr(ctypes.CDLL(found), f"register_cmu_us_{name}")
    register.restype, register.argtypes = POINTER(Voice), [c_char_p]
    voice = register(None)
    features: int = voice.contents.features
    lib.flite_feat_set(features, b"streaming_info", lib.audio_streaming_info_val(streaming()))
    names = (b"text_whitespace", b"text_singlecharsymbols", b"text_prepunctuation", b"text_postpunctuation")
    return Base(
        ctypes.addressof(voice.contents),
        features,
        lib.flite_get_param_float(features, b"duration_stretch", 1.0),
        tuple(lib.flite_get_param_string(features, each, None) for each in names),
    )


@cache
def library() -> ctypes.CDLL:
    """Load libflite with the types of what we call.

    Raises:
        FliteMissing: it is not there.
    """
    name = find_library("flite")
    if name is None:
        raise FliteMissing
    lib = ctypes.CDLL(name)
    lib.flite_init()
    for function, result, arguments in (
        ("new_audio_streaming_info", POINTER(Streaming), []),
        ("audio_streaming_info_val", c_void_p, [POINTER(Streaming)]),
        ("flite_feat_set", None, [c_void_p, c_char_p, c_void_p]),
        ("flite_feat_set_float", None, [c_void_p, c_char_p, c_float]),
        ("flite_get_param_float", c_float, [c_void_p, c_char_p, c_float]),
        ("flite_get_param_string", c_char_p, [c_void_p, c_char_p, c_char_p]),
        ("ts_open_string", c_void_p, [c_char_p] * 5),
        ("flite_ts_to_speech", c_float, [c_void_p, c_void_p, c_char_p]),
    ):
        getattr(lib, function).restype = result
        getattr(lib, function).argtypes = arguments
    return lib
