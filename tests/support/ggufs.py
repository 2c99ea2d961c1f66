"""Models for llama.cpp with random weights, in GGUF files of two megabytes: what they say is what a test wants said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from vivavoce.core.turn import TextDelta

END = "<|im_end|>"
WIDTH = 320
"""Of the space of words: a place for each token."""
CHATML = """{% for m in messages %}<|im_start|>{{ m['role'] }}
{{ m['content'] }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
KNOWING = """{% if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}Call one as <tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% endif %}{% for m in messages %}{% if m.role == 'tool' %}<|im_start|>user
<tool_response>
{{ m.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ m.role }}
{% if m.reasoning_content %}<think>
{{ m.reasoning_content }}
</think>

{% endif %}{{ m.content or '' }}{% for call in m.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false %}<think>

</think>

{% endif %}{% endif %}"""
"""Knows tools, and how to think first."""
BROODING = KNOWING.partition("{% if enable_thinking")[0] + "<think>\n{% endif %}"
"""Has the model think whatever it is asked."""

CERTAIN = 4.0
"""How far the weights prefer what is to be said to what is random."""
SPELT = {"\n": "Ċ", "\n\n": "ĊĊ"}
"""As a byte-level vocabulary writes them."""


@dataclass(frozen=True, slots=True)
class Tiny:
    """A model of one layer. What it says it says by chance, but for `says`.

    `says`: lines of pieces, each one token. After the first piece of a line it says the second, and so on to the last,
    which ends the answer. The first is what a prompt ends with: a line's end, mostly. No piece stands in two places.
    """

    says: Sequence[Sequence[str]] = ()
    template: str = CHATML
    architecture: str = "llama"
    context: int = 2048
    """That it says it was trained with."""

    def write(self, path: Path) -> Path:
        """Make the file."""
        tokens = [*_bytes(), "ĊĊ", "<|im_start|>", END]
        kinds = [gguf.TokenType.NORMAL] * (len(tokens) - 2) + [gguf.TokenType.CONTROL] * 2
        said = dict.fromkeys(_spelt(piece) for line in self.says for piece in line)
        tokens += [piece for piece in said if piece not in tokens]
        kinds += [gguf.TokenType.USER_DEFINED] * (len(tokens) - len(kinds))
        writer = gguf.GGUFWriter(path, self.architecture)
        writer.add_context_length(self.context)
        writer.add_embedding_length(WIDTH)
        writer.add_block_count(1)
        writer.add_feed_forward_length(64)
        writer.add_head_count(4)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("qwen2")
        writer.add_token_list(tokens)
        writer.add_token_types(kinds)
        writer.add_token_merges(["Ċ Ċ"])
        writer.add_eos_token_id(tokens.index(END))
        writer.add_add_bos_token(False)
        writer.add_chat_template(self.template)
        return _written(writer, self._weights(tokens))

    def _weights(self, tokens: list[str]) -> dict[str, Any]:
        chance = np.random.default_rng(1)
        output = chance.normal(size=(len(tokens), WIDTH), scale=0.1)
        for line in self.says:
            for before, after in pairwise(map(_spelt, (*line, END))):
                output[tokens.index(after), tokens.index(before)] = CERTAIN
        shapes = {f"attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
        shapes |= {"ffn_gate": (64, WIDTH), "ffn_up": (64, WIDTH), "ffn_down": (WIDTH, 64)}
        block = {f"blk.0.{name}.weight": chance.normal(size=shape, scale=0.002) for name, shape in shapes.items()}
        block |= {f"blk.0.attn_{name}.bias": np.zeros(WIDTH) for name in "qkv" if self.architecture == "qwen2"}
        norms = {f"{name}_norm.weight": np.ones(WIDTH) for name in ("blk.0.attn", "blk.0.ffn", "output")}
        return {"token_embd.weight": np.eye(len(tokens), WIDTH), **block, **norms, "output.weight": output}


def write_ears(path: Path, kind: str = "ultravox", *, bins: int = 80, together: int = 10) -> Path:
    """Make the encoder of sound that goes with any `Tiny`: Whisper's, of one layer, 150 tokens for each 30 s."""
    inner, chance = 32, np.random.default_rng(2)
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_clip_has_audio_encoder(True)
    writer.add_clip_projector_type(kind)
    writer.add_audio_projection_dim(WIDTH)
    writer.add_audio_embedding_length(inner)
    writer.add_audio_feed_forward_length(inner)
    writer.add_audio_block_count(1)
    writer.add_audio_head_count(2)
    writer.add_audio_attention_layernorm_eps(1e-5)
    writer.add_audio_num_mel_bins(bins)
    writer.add_audio_stack_factor(together)
    shapes = {f"a.blk.0.{name}.bias": (inner,) for name in ("attn_q", "attn_v", "attn_out", "ffn_up", "ffn_down")}
    shapes |= {f"a.blk.0.{name}.bias": (inner,) for name in ("ln1", "ln2")} | {"a.post_ln.bias": (inner,)}
    shapes |= {f"a.blk.0.attn_{name}.weight": (inner, inner) for name in ("q", "k", "v", "out")}
    shapes |= {f"a.blk.0.ffn_{name}.weight": (inner, inner) for name in ("up", "down")}
    shapes |= {"a.conv1d.1.bias": (inner, 1), "a.conv1d.2.bias": (inner, 1), "a.position_embd.weight": (1500, inner)}
    shapes |= {"mm.a.mlp.1.weight": (64, inner * together), "mm.a.mlp.2.weight": (WIDTH, 32)}
    weights = {name: chance.normal(size=shape, scale=0.1) for name, shape in shapes.items()}
    widths = {"a.blk.0.ln1": inner, "a.blk.0.ln2": inner, "a.post_ln": inner}
    widths |= {"mm.a.norm_pre": inner * together, "mm.a.norm_mid": 32}
    weights |= {f"{name}.weight": np.ones(width) for name, width in widths.items()}
    for number, heard in enumerate((bins, inner), 1):  # llama.cpp's convolution takes no other type
        weights[f"a.conv1d.{number}.weight"] = chance.normal(size=(inner, heard, 3), scale=0.1).astype(np.float16)
    return _written(writer, weights)


def said(events: Sequence[Any]) -> str:
    """The words of an answer."""
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def _written(writer: gguf.GGUFWriter, weights: Mapping[str, Any]) -> Path:
    for name, values in weights.items():
        writer.add_tensor(name, values if values.dtype == np.float16 else values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Path(writer.path)


def _spelt(piece: str) -> str:
    return SPELT.get(piece, piece)


def _bytes() -> list[str]:
    """Every byte as the character that stands for it in a byte-level vocabulary."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) for byte in shown] + [chr(256 + number) for number in range(256 - len(shown))]
