"""Qwen-Omni models of two layers, saved as the hub holds them: random weights, a tokenizer of letters."""

import itertools
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5OmniConfig,
    Qwen2_5OmniForConditionalGeneration,
    Qwen3OmniMoeConfig,
    Qwen3OmniMoeForConditionalGeneration,
    WhisperFeatureExtractor,
)

WIDTH, HEADS = 32, 2
ROPE = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 3, 3]}
ROLES = ("system", "user", "assistant")
SIGNS = {
    "image_token": "<|image|>",
    "audio_token": "<|audio|>",
    "video_token": "<|video|>",
    "vision_bos_token": "<|see|>",
    "vision_eos_token": "<|seen|>",
    "audio_bos_token": "<|hear|>",
    "audio_eos_token": "<|heard|>",
}
START, END, PAD, TALK = "<|im_start|>", "<|im_end|>", "<|pad|>", ("<|tts_pad|>", "<|tts_bos|>", "<|tts_eos|>")
TEMPLATE = """{%- for said in messages -%}
<|im_start|>{{ said.role }}
{% if said.content is string -%}{{ said.content }}
{%- else -%}{% for part in said.content -%}
{% if part.type == 'audio' %}<|hear|><|audio|><|heard|>{% else %}{{ part.text }}{% endif %}
{%- endfor %}{% endif %}<|im_end|>
{% endfor %}<|im_start|>assistant{{ '\\n' }}
"""
CODES = 512
"""What a talker may say, of its many tokens."""
SPEAKERS = ("Ada", "Bob")


def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes, and one token for each role."""
    merges = [(role[:end], role[end]) for role in ROLES for end in range(1, len(role))]
    text = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *(one + two for one, two in merges)]
    found = Tokenizer(models.BPE({token: i for i, token in enumerate(dict.fromkeys(text))}, merges))
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    found.add_special_tokens([AddedToken(each, special=True) for each in (START, END, PAD, *TALK, *SIGNS.values())])
    return PreTrainedTokenizerFast(tokenizer_object=found, eos_token=END, pad_token=PAD, extra_special_tokens=SIGNS)


def text_layers(vocabulary: int, **more: Any) -> dict[str, Any]:
    heads = {"num_attention_heads": HEADS, "num_key_value_heads": HEADS, "head_dim": WIDTH // HEADS}
    sizes = {"hidden_size": WIDTH, "intermediate_size": WIDTH, "num_hidden_layers": 2, "vocab_size": vocabulary}
    return {**heads, **sizes, "max_position_embeddings": 4096, "rope_parameters": dict(ROPE), **more}


def ears(**more: Any) -> dict[str, Any]:
    sizes = {"d_model": WIDTH, "encoder_layers": 1, "encoder_attention_heads": HEADS, "encoder_ffn_dim": WIDTH}
    return {**sizes, "num_mel_bins": 16, "output_dim": WIDTH, **more}


def eyes(**more: Any) -> dict[str, Any]:
    return {"depth": 1, "hidden_size": WIDTH, "intermediate_size": WIDTH, "num_heads": HEADS, **more}


def save(folder: Path, model: Any, words: PreTrainedTokenizerFast) -> None:
    """What comes from one seed, and says small letters: neither ends by itself."""
    letters = [words.convert_tokens_to_ids(letter) for letter in (*"abcdefghij", "Ġ")]
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "talker" in name and ".experts." in name:
                weight.normal_(std=0.02)  # the library leaves in them what the memory held, at times no number
            # as they are made, all tokens are about as likely, and what is heard makes no difference
            weight.mul_(15 if "audio_tower" in name else 3)
        mute(model.thinker.lm_head, letters)
        mute(model.talker.codec_head, list(range(CODES)))
    model.save_pretrained(folder)
    words.chat_template = TEMPLATE
    words.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=16, chunk_length=30, return_attention_mask=True).save_pretrained(folder)


def mute(head: torch.nn.Linear, but: list[int]) -> None:
    """Leave all tokens but some as likely as none of them ever is."""
    kept = torch.zeros(head.out_features, 1)
    kept[but] = 1
    head.weight.mul_(kept)


def qwen2_5(folder: Path) -> Path:
    torch.manual_seed(1)
    words = tokenizer()
    ids = {name: words.convert_tokens_to_ids(sign) for name, sign in SIGNS.items()}
    tokens = {
        **{f"{kind}_token_index": ids[f"{kind}_token"] for kind in ("image", "audio", "video")},
        "audio_start_token_id": ids["audio_bos_token"],
        "audio_end_token_id": ids["audio_eos_token"],
        "vision_start_token_id": ids["vision_bos_token"],
        "vision_end_token_id": ids["vision_eos_token"],
    }
    pad, bos, eos = words.convert_tokens_to_ids(TALK)
    text = text_layers(len(words))
    text.pop("head_dim")
    thinker = {
        **tokens,
        "audio_config": ears(),
        "vision_config": eyes(out_hidden_size=WIDTH),
        "text_config": text,
        "user_token_id": words.convert_tokens_to_ids("user"),
    }
    talker = {
        **tokens,
        **text_layers(8448, embedding_size=WIDTH),
        "tts_text_start_token_id": bos,
        "tts_text_end_token_id": eos,
        "tts_text_pad_token_id": pad,
    }
    dit = {
        "hidden_size": WIDTH,
        "num_hidden_layers": 1,
        "num_attention_heads": HEADS,
        "head_dim": WIDTH // HEADS,
        "mel_dim": 8,
        "emb_dim": 8,
        "enc_emb_dim": 8,
        "enc_dim": 8,
        "enc_channels": [8, 8, 8],
        "enc_kernel_sizes": [3, 3, 1],
        "enc_dilations": [1, 1, 1],
        "enc_attention_channels": 8,
        "enc_se_channels": 8,
        "look_ahead_layers": [0],
        "look_backward_layers": [0],
    }
    vocoder = {"mel_dim": 8, "upsample_initial_channel": 128, "resblock_kernel_sizes": [3]}
    vocoder["resblock_dilation_sizes"] = [[1, 1, 1]]
    config = Qwen2_5OmniConfig(
        thinker_config=thinker,
        talker_config=talker,
        token2wav_config={"dit_config": dit, "bigvgan_config": vocoder},
    )
    save(folder, Qwen2_5OmniForConditionalGeneration(config), words)
    speakers = {
        name: {"bos_token": bos, "cond": torch.randn(1, 8), "ref_mel": torch.randn(1, 20, 8)} for name in SPEAKERS
    }
    torch.save(speakers, folder / "spk_dict.pt")
    return folder


def qwen3(folder: Path) -> Path:
    torch.manual_seed(1)
    words = tokenizer()
    ids = {name: words.convert_tokens_to_ids(sign) for name, sign in SIGNS.items()}
    tokens = {f"{kind}_token_id": ids[f"{kind}_token"] for kind in ("image", "audio", "video")}
    tokens |= {"audio_start_token_id": ids["audio_bos_token"], "vision_start_token_id": ids["vision_bos_token"]}
    pad, bos, eos = words.convert_tokens_to_ids(TALK)
    start, user, assistant, system = words.convert_tokens_to_ids([START, "user", "assistant", "system"])
    experts = {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": WIDTH}
    text = text_layers(len(words), **experts)
    text.pop("head_dim")
    thinker = {
        **tokens,
        "audio_config": ears(downsample_hidden_size=8),
        "vision_config": eyes(out_hidden_size=WIDTH, deepstack_visual_indexes=[0]),
        "text_config": text,
        "user_token_id": user,
    }
    spoken = text_layers(1024 + CODES + 64, **experts, shared_expert_intermediate_size=WIDTH)
    spoken.pop("head_dim")
    codec = itertools.count(1024 + CODES)
    names = ("codec_eos_token_id", "codec_nothink_id", "codec_think_bos_id", "codec_think_eos_id")
    predictor = text_layers(CODES * 2, num_code_groups=2)
    predictor["rope_parameters"] = {"rope_type": "default", "rope_theta": 10_000.0}
    talker = {
        **tokens,
        **{name: next(codec) for name in (*names, "codec_pad_id", "codec_bos_id")},
        "code_predictor_config": predictor,
        "text_config": spoken,
        "num_code_groups": 2,
        "thinker_hidden_size": WIDTH,
        "accept_hidden_layer": 1,
        "spatial_merge_size": 2,
        "speaker_id": {name.lower(): next(codec) for name in SPEAKERS},
    }
    vocoder = {
        "hidden_size": WIDTH,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "num_hidden_layers": 1,
        "intermediate_size": WIDTH,
        "codebook_size": CODES * 2,
        "num_quantizers": 2,
        "decoder_dim": 32,
    }
    config = Qwen3OmniMoeConfig(
        thinker_config=thinker,
        talker_config=talker,
        code2wav_config=vocoder,
        im_start_token_id=start,
        user_token_id=user,
        assistant_token_id=assistant,
        system_token_id=system,
        tts_pad_token_id=pad,
        tts_bos_token_id=bos,
        tts_eos_token_id=eos,
    )
    save(folder, Qwen3OmniMoeForConditionalGeneration(config), words)
    return folder
