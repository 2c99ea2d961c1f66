"""A Whisper of one layer in CTranslate2's format, with a tokenizer of bytes. It says the same whatever it hears."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs.whisper_spec import WhisperSpec
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

WIDTH = 16
TIMES = [f"<|{step * 0.02:.2f}|>" for step in range(1501)]


def vocabulary(*, multilingual: bool) -> tuple[list[str], list[str]]:
    """The tokens of text, then those with a meaning. CTranslate2 knows a Whisper of many languages by its empty one."""
    special = ["endoftext", "startoftranscript", "en", "de", "translate", "transcribe", "startoflm", "startofprev"]
    meant = [*(f"<|{name}|>" for name in (*special, "nospeech", "notimestamps")), *TIMES]
    return [*sorted(pre_tokenizers.ByteLevel.alphabet()), *([""] if multilingual else [])], meant


def fill(spec: Any, name: str, *shape: int, scale: float = 0.1) -> None:
    values = np.random.default_rng(len(name) + len(shape)).normal(size=shape, scale=scale)
    setattr(spec, name, values.astype(np.float32))


def linear(spec: Any, out: int, into: int) -> None:
    fill(spec, "weight", out, into)
    spec.bias = np.zeros(out, np.float32)


def norm(spec: Any) -> None:
    spec.gamma, spec.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)


def attention(spec: Any, *sizes: int) -> None:
    norm(spec.layer_norm)
    for each, size in zip(spec.linear, sizes, strict=True):
        linear(each, size, WIDTH)


def ffn(spec: Any) -> None:
    norm(spec.layer_norm)
    linear(spec.linear_0, 4 * WIDTH, WIDTH)
    linear(spec.linear_1, WIDTH, 4 * WIDTH)


def whisper(folder: Path, *, multilingual: bool = True) -> Path:
    folder.mkdir(parents=True)
    text, meant = vocabulary(multilingual=multilingual)
    spec = WhisperSpec(1, 2, 1, 2)
    encoder, decoder = spec.encoder, spec.decoder
    for conv, into in ((encoder.conv1, 80), (encoder.conv2, WIDTH)):
        fill(conv, "weight", WIDTH, into, 3)
        conv.bias = np.zeros(WIDTH, np.float32)
    fill(encoder.position_encodings, "encodings", 1500, WIDTH)
    fill(decoder.position_encodings, "encodings", 448, WIDTH, scale=1)
    for each in (encoder, decoder):
        norm(each.layer_norm)
        attention(each.layer[0].self_attention, 3 * WIDTH, WIDTH)
        ffn(each.layer[0].ffn)
    attention(decoder.layer[0].attention, WIDTH, 2 * WIDTH, WIDTH)
    fill(decoder.embeddings, "weight", len(text) + len(meant), WIDTH)
    fill(decoder.projection, "weight", len(text) + len(meant), WIDTH, scale=1)
    # It says small letters, now and then a space, and times.
    liked = np.full(len(text) + len(meant), -50, np.float32)
    liked[[i for i, token in enumerate(text) if token in {*"abcdefghij", "Ġ"}]] = 0
    liked[len(text) :] = 0
    decoder.projection.bias = liked
    spec.register_vocabulary([*text, *meant])
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids = [len(text) + 2, len(text) + 3]
    spec.config.alignment_heads = [[0, 0], [0, 1]]
    spec.validate()
    spec.optimize(quantization="float32")
    spec.save(str(folder))
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(text)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in meant])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": 80}))
    return folder
