"""The library: a model loaded, a prompt read, an answer made. One at a time."""

import math
import os
import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

from vivavoce.audio.samples import Floats
from vivavoce.core.turn import TextDelta
from vivavoce.engines.beside import Give
from vivavoce.engines.extras import EXTRAS, ModelMissing, library
from vivavoce.engines.omni.asking import Asked, Prompt, choices
from vivavoce.engines.omni.words import Words

RATE = 24_000
"""Hz of what these models say."""
KINDS = {
    "qwen2_5_omni": ("Qwen2_5OmniForConditionalGeneration", "Qwen2_5OmniProcessor", 50.0),
    "qwen3_omni_moe": ("Qwen3OmniMoeForConditionalGeneration", "Qwen3OmniMoeProcessor", 12.5),
}
"""By `model_type`: the library's classes, and the codes in a second of sound, by its own default configurations."""


class Left(Exception):
    """Nobody waits for the answer any more."""


class Model:
    """A thinker, a talker and what makes sound of the talker's codes."""

    def __init__(self, name: str, device: str, dtype: str) -> None:
        """Load it: a folder, or a name in the hub's cache.

        Raises:
            ExtraMissing: the libraries are not installed.
            ModelMissing: the model is not here, not whole, or of another kind.
        """
        os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
        self._torch, transformers, _ = (library(each) for each in EXTRAS["omni"].modules)
        transformers.logging.set_verbosity(transformers.logging.CRITICAL)
        transformers.logging.disable_progress_bar()
        self._wanted: Callable[[], bool] = lambda: True
        try:
            self._load(transformers, os.path.expanduser(name), device, dtype)  # noqa: PTH111 - it may be no path
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelMissing(f"model '{name}': {str(error).strip().partition(chr(10))[0]}") from None
        for module in self._model.modules():
            if isinstance(module, self._torch.nn.ModuleList):
                for layer in module:
                    layer.register_forward_pre_hook(self._stop_if_left)

    def _load(self, transformers: Any, name: str, device: str, dtype: str) -> None:
        here = {"local_files_only": True}
        config = transformers.AutoConfig.from_pretrained(name, **here)
        if config.model_type not in KINDS or not config.enable_audio_output:
            raise ValueError(f"it is of type '{config.model_type}', and no Qwen-Omni that speaks")
        kind, reader, self._codes_a_second = KINDS[config.model_type]
        self._model: Any = getattr(transformers, kind).from_pretrained(name, device_map=device, dtype=dtype, **here)
        self.speakers: list[str] = list(getattr(self._model, "speaker_map", None) or config.talker_config.speaker_id)
        self.context = int(config.thinker_config.text_config.max_position_embeddings)
        # Its own processor, but for the eyes: they would take two libraries more.
        blind = type("Blind", (getattr(transformers, reader),), {"check_argument_for_proper_class": _unchecked})
        self._words: Any = transformers.AutoTokenizer.from_pretrained(name, **here)
        marks = (each.content for each in self._words.added_tokens_decoder.values())
        self._marks = re.compile("|".join(map(re.escape, sorted(marks, key=len, reverse=True))))
        template = blind.get_processor_dict(name, **here)[0].get("chat_template") or self._words.chat_template
        ears = transformers.AutoFeatureExtractor.from_pretrained(name, **here)
        self._processor = blind(None, None, ears, self._words, chat_template=template)

    def read(self, messages: list[dict[str, Any]]) -> Prompt:
        """Make a prompt of messages, sound among them."""
        shape = {"tokenize": True, "return_dict": True, "return_tensors": "pt", "add_generation_prompt": True}
        read = self._processor.apply_chat_template(messages, **shape)
        heard = int((read["input_ids"] == self._processor.audio_token_id).sum())
        return Prompt(read.to(self._model.device, self._model.dtype), read["input_ids"].shape[1], heard)

    def plain(self, text: str) -> str:
        """Text in which no mark of the model's own stands, such as the one that ends a message: they are broken up."""
        return self._marks.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)

    def words(self, stops: tuple[str, ...], give: Give[TextDelta]) -> Words:
        """Where the words of an answer go."""
        return Words(partial(self._words.decode, skip_special_tokens=True), self._words.eos_token_id, stops, give)

    def answer(self, prompt: Prompt, words: Words, asked: Asked, wanted: Callable[[], bool]) -> Floats | None:
        """Make an answer; its words go where they are made, its sound is returned, if there is to be any.

        Raises:
            Left: it is not `wanted` any more; asked between any two layers.
        """
        self._wanted = wanted
        if asked.sampling.seed is not None:
            self._torch.manual_seed(asked.sampling.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library warns of what it does itself
            made = self._model.generate(
                **prompt.inputs,
                generation_mode="text" if asked.speaker is None else "audio",
                speaker=asked.speaker or self.speakers[0],
                thinker_streamer=words,
                thinker_stopping_criteria=[partial(self._ended, words)],
                thinker_max_new_tokens=asked.most,
                thinker_eos_token_id=words.last,
                talker_max_new_tokens=math.ceil((asked.most_s + 1) * self._codes_a_second),  # so that a cut is seen
                **choices(asked.sampling),
            )
        return None if asked.speaker is None else made[1].reshape(-1).float().cpu().numpy()

    def _ended(self, words: Words, ids: Any, *_: object, **__: object) -> Any:
        return self._torch.full((1,), words.ended, device=ids.device)

    def _stop_if_left(self, *_: object) -> None:
        if not self._wanted():
            raise Left


def _unchecked(*_: object) -> None: ...
