"""The values that each enumeration of a chat request takes, in the original's words.

By the last name in a value's path; also by the name before and that name, as in `tools.type`, and inside a message by
its role and that name, as in `user.type`.
"""


def _listed(*values: str) -> str:
    *first, last = [f"'{value}'" for value in values]
    if len(first) > 1:
        return f"Supported values are: {', '.join(first)}, and {last}."
    return f"Supported values are: {' and '.join([*first, last])}."


SUPPORTED = {
    "format": _listed("wav", "aac", "mp3", "flac", "opus", "pcm16"),
    "role": _listed("system", "assistant", "user", "function", "tool", "developer"),
    "type": _listed("text"),
    "user.type": _listed("text", "input_audio", "file"),
    "assistant.type": _listed("text", "refusal"),
    "tools.type": _listed("function"),
    "response_format.type": _listed("text", "json_object", "json_schema"),
    "tool_choice": _listed("none", "auto", "required"),
    "tool_choice.type": _listed("function", "allowed_tools"),
    "allowed_tools.mode": _listed("auto", "required"),
    "function_call": _listed("none", "auto"),
    "modalities": _listed("text", "audio"),
    "reasoning_effort": _listed("none", "minimal", "low", "medium", "high", "xhigh", "max"),
    "verbosity": _listed("low", "medium", "high"),
    "service_tier": _listed("auto", "default", "flex", "scale", "priority", "fast"),
    "prediction.type": _listed("content"),
    "search_context_size": _listed("low", "medium", "high"),
    "user_location.type": _listed("approximate"),
    "input.mode": _listed("score", "block"),
    "output.mode": _listed("score", "block"),
    "prompt_cache_options.mode": _listed("implicit", "explicit"),
    "ttl": _listed("30m"),
    "prompt_cache_retention": _listed("in_memory", "24h"),
}
