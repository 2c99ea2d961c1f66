"""What is said of a conversation that is longer than the model's context, and how much longer that says it is.

An engine in a process of its own tells no more of an error than its words; these have both numbers in them.
"""

import re

from vivavoce.core.errors import BadRequest, PublicError
from vivavoce.core.turn import Turn

CODE = "context_length_exceeded"
SIZES = re.compile(r"length is (\d+) tokens\. However, (your messages resulted in|you requested) (\d+) tokens")


def too_long(context: int, messages: int, completion: int = 0) -> BadRequest:
    """The messages, or they and the `completion` asked for, do not fit. All in tokens."""
    limit = f"This model's maximum context length is {context} tokens. However,"
    if completion:
        words = (
            f"{limit} you requested {messages + completion} tokens ({messages} in the messages, {completion} in the "
            "completion). Please reduce the length of the messages or completion."
        )
    else:
        words = f"{limit} your messages resulted in {messages} tokens. Please reduce the length of the messages."
    return BadRequest(words, param="messages", code=CODE)


def check_fits(turn: Turn, tokens: int, context: int) -> None:
    """Whether a prompt of so many tokens leaves the room that its answer is to have.

    Of a spoken answer's `max_tokens` nobody knows how many are of its words: any room will do.

    Raises:
        BadRequest: it does not.
    """
    most = 0 if turn.voice else turn.sampling.max_tokens or 0
    completion = most or min(turn.room, context // 4)
    if tokens + max(completion, 1) > context:
        raise too_long(context, tokens, completion)


def too_long_somehow() -> BadRequest:
    """The messages do not fit, and whoever said so has not said by how much."""
    words = "The messages are longer than this model's context. Please reduce the length of the messages."
    return BadRequest(words, param="messages", code=CODE)


def excess(error: PublicError) -> tuple[int, int] | None:
    """How many tokens less would fit, and how many do, if that was said: with the answer asked for, or with one token
    of any.
    """
    sizes = SIZES.search(error.message)
    if sizes is None:
        return None
    answer = 0 if sizes[2] == "you requested" else 1
    return int(sizes[3]) + answer - int(sizes[1]), int(sizes[1])
