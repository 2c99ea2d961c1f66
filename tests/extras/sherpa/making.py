"""Models of a few kilobytes for sherpa-onnx: of the right shapes, with weights from a seeded generator."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RATE = 16_000
SAMPLES_A_LETTER = 800
WIDTH = 8
PIECES = ["<blk>", "▁one", "▁two", "th", "ree", "▁four", "s"]
"""Tokens of the recognisers; the first is the blank."""
LETTERS = "_ abcdefghijklmnopqrstuvwxyz.,!?"

Shape = Sequence[int | str]


def tensor(name: str, shape: Shape, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def weights(name: str, *shape: int) -> onnx.TensorProto:
    values = np.random.default_rng(sum(name.encode())).normal(size=shape)
    return numpy_helper.from_array(values.astype(np.float32), name)


def constant(name: str, values: Any, kind: Any = np.int64) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, kind), name)


def save(path: Path, graph: onnx.GraphProto, **said: object) -> None:
    """Write a model, with what the library reads in its metadata."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {key: str(value) for key, value in said.items()})
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))


def write_tokens(folder: Path, tokens: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokens.txt").write_text("".join(f"{token} {i}\n" for i, token in enumerate(tokens)), encoding="utf-8")


def vits(folder: Path, speakers: int = 3) -> Path:
    """A voice that hums: 50 ms a letter at normal speed, each speaker at a pitch of its own."""
    node = helper.make_node
    nodes = [
        node("Slice", ["scales", "one", "two"], ["scale"]),
        node("Cast", ["x_length"], ["letters"], to=TensorProto.FLOAT),
        node("Mul", ["letters", "scale"], ["stretched"]),
        node("Mul", ["stretched", "samples"], ["long"]),
        node("Cast", ["long"], ["whole"], to=TensorProto.INT64),
        node("Squeeze", ["whole"], ["end"]),
        node("Range", ["zero", "end", "step"], ["at"]),
        node("Cast", ["at"], ["time"], to=TensorProto.FLOAT),
        node("Cast", ["sid"], ["who"], to=TensorProto.FLOAT),
        node("Add", ["who", "base"], ["pitch"]),
        node("Mul", ["time", "pitch"], ["turns"]),
        node("Mul", ["turns", "angle"], ["phase"]),
        node("Sin", ["phase"], ["wave"]),
        node("Mul", ["wave", "loud"], ["sound"]),
        node("Reshape", ["sound", "shape"], ["y"]),
        node("Identity", ["x"], ["unused"]),
    ]
    constants = [
        constant("one", [1]),
        constant("two", [2]),
        constant("zero", 0),
        constant("step", 1),
        constant("samples", [SAMPLES_A_LETTER], np.float32),
        constant("base", [2], np.float32),
        constant("angle", [2 * np.pi * 100 / RATE], np.float32),
        constant("loud", [0.3], np.float32),
        constant("shape", [1, 1, -1]),
    ]
    inputs = [
        tensor("x", [1, "T"], TensorProto.INT64),
        tensor("x_length", [1], TensorProto.INT64),
        tensor("scales", [3]),
        tensor("sid", [1], TensorProto.INT64),
    ]
    graph = helper.make_graph(nodes, "vits", inputs, [tensor("y", [1, 1, "N"])], constants)
    save(
        folder / "model.onnx",
        graph,
        model_type="vits",
        comment="coqui",
        language="English",
        sample_rate=RATE,
        n_speakers=speakers,
        frontend="characters",
        add_blank=0,
        blank_id=0,
        bos_id=0,
        eos_id=0,
        pad_id=0,
        use_eos_bos=0,
        punctuation=". , ! ?",
    )
    write_tokens(folder, LETTERS)
    return folder


def ctc(folder: Path) -> Path:
    """A NeMo CTC recogniser: four frames in a token."""
    nodes = [
        helper.make_node("AveragePool", ["audio_signal"], ["pooled"], kernel_shape=[8], strides=[8]),
        helper.make_node("Transpose", ["pooled"], ["frames"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["frames", "ctc"], ["scores"]),
        helper.make_node("LogSoftmax", ["scores"], ["logprobs"], axis=-1),
        helper.make_node("Identity", ["length"], ["unused"]),
    ]
    inputs = [tensor("audio_signal", ["B", 80, "T"]), tensor("length", ["B"], TensorProto.INT64)]
    outputs = [tensor("logprobs", ["B", "S", len(PIECES)])]
    graph = helper.make_graph(nodes, "ctc", inputs, outputs, [weights("ctc", 80, len(PIECES))])
    save(
        folder / "model.onnx",
        graph,
        vocab_size=len(PIECES),
        subsampling_factor=8,
        normalize_type="per_feature",
        model_type="EncDecCTCModel",
    )
    # NeMo's blank is the last
    write_tokens(folder, [*PIECES[1:], "<blk>"])
    return folder


def transducer(folder: Path) -> Path:
    """A streaming transducer of the LSTM kind: a token's scores every 40 ms."""
    state = [1, 1, WIDTH]
    encoder = helper.make_graph(
        [
            helper.make_node("Slice", ["x", "from", "to", "axis"], ["chunk"]),
            helper.make_node("MatMul", ["chunk", "encoder"], ["encoder_out"]),
            helper.make_node("Identity", ["h"], ["next_h"]),
            helper.make_node("Identity", ["c"], ["next_c"]),
        ],
        "encoder",
        [tensor("x", ["N", 9, 80]), tensor("h", [1, "N", WIDTH]), tensor("c", [1, "N", WIDTH])],
        [tensor("encoder_out", ["N", 1, WIDTH]), tensor("next_h", state), tensor("next_c", state)],
        [constant("from", [4]), constant("to", [5]), constant("axis", [1]), weights("encoder", 80, WIDTH)],
    )
    said = {"num_encoder_layers": 1, "T": 9, "decode_chunk_len": 4, "rnn_hidden_size": WIDTH, "d_model": WIDTH}
    save(folder / "encoder.onnx", encoder, model_type="lstm", **said)
    decoder = helper.make_graph(
        [
            helper.make_node("Max", ["y", "nothing"], ["known"]),
            helper.make_node("Gather", ["decoder", "known"], ["each"]),
            helper.make_node("ReduceSum", ["each", "axis"], ["decoder_out"], keepdims=0),
        ],
        "decoder",
        [tensor("y", ["N", 2], TensorProto.INT64)],
        [tensor("decoder_out", ["N", WIDTH])],
        [constant("nothing", [0]), constant("axis", [1]), weights("decoder", len(PIECES), WIDTH)],
    )
    save(folder / "decoder.onnx", decoder, vocab_size=len(PIECES), context_size=2)
    joiner = helper.make_graph(
        [
            helper.make_node("Add", ["encoder_out", "decoder_out"], ["sum"]),
            helper.make_node("MatMul", ["sum", "joiner"], ["logit"]),
        ],
        "joiner",
        [tensor("encoder_out", ["N", WIDTH]), tensor("decoder_out", ["N", WIDTH])],
        [tensor("logit", ["N", len(PIECES)])],
        [weights("joiner", WIDTH, len(PIECES))],
    )
    save(folder / "joiner.onnx", joiner, joiner_dim=WIDTH)
    write_tokens(folder, PIECES)
    return folder


def whisper(folder: Path) -> Path:
    """A multilingual Whisper that says one to four, whatever it hears."""
    words = [" one", " two", " three", " four"]
    special = {"sot": 4, "eot": 5, "translate": 6, "transcribe": 7, "no_timestamps": 8, "no_speech": 9, "blank_id": 10}
    english, german, size, context = 11, 12, 13, 64
    cache = [1, 1, context, WIDTH]
    encoder = helper.make_graph(
        [
            helper.make_node("AveragePool", ["mel"], ["pooled"], kernel_shape=[2], strides=[2]),
            helper.make_node("Transpose", ["pooled"], ["frames"], perm=[0, 2, 1]),
            helper.make_node("MatMul", ["frames", "whisper"], ["cross"]),
            helper.make_node("Unsqueeze", ["cross", "axis"], ["n_layer_cross_k"]),
            helper.make_node("Identity", ["n_layer_cross_k"], ["n_layer_cross_v"]),
        ],
        "encoder",
        [tensor("mel", [1, 80, "T"])],
        [tensor(f"n_layer_cross_{each}", [1, 1, "S", WIDTH]) for each in "kv"],
        [constant("axis", [0]), weights("whisper", 80, WIDTH)],
    )
    save(
        folder / "tiny-encoder.onnx",
        encoder,
        model_type="whisper-tiny",
        n_mels=80,
        n_audio_ctx=1500,
        n_audio_state=WIDTH,
        n_audio_head=1,
        n_audio_layer=1,
        n_vocab=size,
        n_text_ctx=context,
        n_text_state=WIDTH,
        n_text_head=1,
        n_text_layer=1,
        sot_sequence=f"{special['sot']},{english},{special['transcribe']}",
        all_language_tokens=f"{english},{german}",
        all_language_codes="en,de",
        is_multilingual=1,
        sot_index=0,
        sot_prev=special["blank_id"],
        sot_lm=special["blank_id"],
        non_speech_tokens="",
        **special,
    )
    follows = np.full((size, size), -5.0)
    for token, following in enumerate([1, 2, 3, special["eot"]]):
        follows[token, following] = 5.0
    follows[special["no_timestamps"], 0] = 5.0
    follows[special["sot"], german] = 5.0
    caches = [tensor(f"{way}_n_layer_self_{each}_cache", cache) for way in ("in", "out") for each in "kv"]
    cross = [tensor(f"n_layer_cross_{each}", [1, 1, "S", WIDTH]) for each in "kv"]
    inputs = [
        tensor("tokens", [1, "N"], TensorProto.INT64),
        *caches[:2],
        *cross,
        tensor("offset", [1], TensorProto.INT64),
    ]
    decoder = helper.make_graph(
        [
            helper.make_node("Gather", ["follows", "tokens"], ["logits"]),
            helper.make_node("Identity", ["in_n_layer_self_k_cache"], ["out_n_layer_self_k_cache"]),
            helper.make_node("Identity", ["in_n_layer_self_v_cache"], ["out_n_layer_self_v_cache"]),
            *(helper.make_node("Identity", [each.name], [f"unused_{each.name}"]) for each in [*cross, inputs[-1]]),
        ],
        "decoder",
        inputs,
        [tensor("logits", [1, "N", size]), *caches[2:]],
        [constant("follows", follows, np.float32)],
    )
    save(folder / "tiny-decoder.onnx", decoder)
    lines = [f"{base64.b64encode(word.encode()).decode()} {i}\n" for i, word in enumerate(words)]
    (folder / "tiny-tokens.txt").write_text("".join(lines))
    return folder
