"""Short names of models that do well here: where each is, and which engine runs it.

No size, licence or hash is written down: the hub tells them when a model is pulled. Where each repository and file was
seen is said in docs/models.md.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from vivavoce.catalogue.embedded import SMOLLM2

Role: TypeAlias = Literal["hear", "think", "speak"]


@dataclass(frozen=True, slots=True)
class Recommended:
    """A model with a short name."""

    name: str
    reference: str
    use: str
    """The engine that runs it."""
    role: Role
    said: str
    """What it is, in a few words."""
    include: tuple[str, ...] = ()
    """Of a repository, the files that are needed; none: all that an engine could read."""
    languages: tuple[str, ...] = ()
    """None: many, or not said."""
    billions: float = 0
    """Parameters of a brain."""


WHISPER_FILES = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
"""As the library itself chooses them (`download_model` in faster_whisper/utils.py)."""


def _brain(name: str, reference: str, billions: float, said: str) -> Recommended:
    return Recommended(name, f"hf:{reference}", "llama", "think", said, billions=billions)


def _whisper(size: str, repo: str, said: str) -> Recommended:
    return Recommended(f"whisper-{size}", f"hf:{repo}", "faster-whisper", "hear", said, WHISPER_FILES)


def _voice(name: str, repo: str, said: str, *languages: str) -> Recommended:
    return Recommended(name, f"hf:csukuangfj/{repo}", "sherpa-onnx", "speak", said, (), languages)


ALL = (
    Recommended(
        "smollm2-135m",
        f"wheel:{SMOLLM2.requirement}!{SMOLLM2.member}",
        "llama",
        "think",
        "SmolLM2 135M Instruct, the embedded one",
        billions=0.135,
    ),
    _brain(
        "qwen2.5-0.5b",
        "Qwen/Qwen2.5-0.5B-Instruct-GGUF/qwen2.5-0.5b-instruct-q4_k_m.gguf",
        0.5,
        "Qwen2.5 0.5B Instruct",
    ),
    _brain(
        "qwen2.5-1.5b",
        "Qwen/Qwen2.5-1.5B-Instruct-GGUF/qwen2.5-1.5b-instruct-q4_k_m.gguf",
        1.5,
        "Qwen2.5 1.5B Instruct",
    ),
    _brain(
        "llama3.2-3b",
        "bartowski/Llama-3.2-3B-Instruct-GGUF/Llama-3.2-3B-Instruct-Q4_K_M.gguf",
        3,
        "Llama 3.2 3B Instruct",
    ),
    _brain(
        "qwen3-4b",
        "unsloth/Qwen3-4B-Instruct-2507-GGUF/Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        4,
        "Qwen3 4B Instruct 2507, which does not reason aloud",
    ),
    _brain(
        "llama3.1-8b",
        "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
        8,
        "Llama 3.1 8B Instruct",
    ),
    _whisper("tiny", "Systran/faster-whisper-tiny", "Whisper tiny, about a hundred languages"),
    _whisper("base", "Systran/faster-whisper-base", "Whisper base"),
    _whisper("small", "Systran/faster-whisper-small", "Whisper small"),
    _whisper("medium", "Systran/faster-whisper-medium", "Whisper medium"),
    _whisper("large", "Systran/faster-whisper-large-v3", "Whisper large v3"),
    _whisper("turbo", "mobiuslabsgmbh/faster-whisper-large-v3-turbo", "Whisper large v3 turbo"),
    _voice("kokoro", "kokoro-multi-lang-v1_0", "Kokoro 1.0, English and Chinese, many voices", "en", "zh"),
    _voice("piper-en", "vits-piper-en_US-lessac-medium", "Piper, American English", "en"),
    _voice("piper-de", "vits-piper-de_DE-thorsten-medium", "Piper, German", "de"),
    _voice("piper-fr", "vits-piper-fr_FR-siwis-medium", "Piper, French", "fr"),
    _voice("piper-nl", "vits-piper-nl_BE-nathalie-medium", "Piper, Dutch", "nl"),
    _voice("piper-pl", "vits-piper-pl_PL-gosia-medium", "Piper, Polish", "pl"),
    _voice("piper-ru", "vits-piper-ru_RU-irina-medium", "Piper, Russian", "ru"),
    _voice("piper-zh", "vits-piper-zh_CN-huayan-medium", "Piper, Chinese", "zh"),
    _voice("piper-pt", "vits-piper-pt_BR-faber-medium", "Piper, Brazilian Portuguese", "pt"),
)
BY_NAME = {each.name: each for each in ALL}
BY_REFERENCE = {each.reference: each for each in ALL}
