import pytest

from vivavoce.core.audio import Pcm
from vivavoce.core.turn import Message, Role, Speech, Text, ToolCall, ToolResult, Turn, Usage
from vivavoce.core.usage import audio_tokens_in, estimated, fixed_tokens_in, most_in, texts_in


def heard(seconds: float) -> Speech:
    return Speech(None, "these words are not counted as text", seconds)


def turn(*messages: tuple[Role, tuple[Text | Speech | ToolCall | ToolResult, ...]]) -> Turn:
    return Turn(tuple(Message(role, parts) for role, parts in messages))


@pytest.mark.parametrize(("seconds", "tokens"), [(1.704, 17), (3.266, 32), (4.488, 44), (6.96, 69), (0.3, 3), (0, 0)])
def test_sound_heard_is_ten_tokens_a_second_rounded_down(seconds: float, tokens: int) -> None:
    assert audio_tokens_in(turn(("user", (heard(seconds),)))) == tokens


@pytest.mark.parametrize("frames", [11, 19, 34, 93, 125, 12_001])
def test_an_earlier_spoken_answer_is_twenty_tokens_a_second_to_the_token(frames: int) -> None:
    assert audio_tokens_in(turn(("assistant", (Speech(Pcm(b"", 24_000), "Hi.", frames * 0.05),)))) == frames


@pytest.mark.parametrize("frames", [8, 10, 11, 47])
def test_a_length_that_was_added_up_loses_no_token(frames: int) -> None:
    assert audio_tokens_in(turn(("assistant", (Speech(None, "Hi.", sum([0.05] * frames)),)))) == frames


def test_a_message_of_sound_alone_costs_eleven_text_tokens() -> None:
    sound = turn(("user", (heard(1.7),)))
    assert fixed_tokens_in(sound) == 11
    assert texts_in(sound) == []


def test_the_recorded_second_turn_costs_what_it_cost() -> None:
    second = turn(
        ("user", (heard(1.704),)),
        ("assistant", (Speech(None, "what was said", 93 * 0.05),)),
        ("user", (Text("Please answer the following spoken question:"), heard(3.266))),
    )
    assert audio_tokens_in(second) == 17 + 93 + 32
    assert texts_in(second) == ["what was said", "Please answer the following spoken question:"]
    assert fixed_tokens_in(second) + 32 + 7 == 62


def test_a_plain_greeting_costs_seven_tokens_and_its_words() -> None:
    greeting = turn(("user", (Text("Hello, world!"),)))
    assert fixed_tokens_in(greeting) + len(["Hello", ",", " world", "!"]) == 11
    assert texts_in(greeting) == ["Hello, world!"]


def test_calls_and_their_results_are_text() -> None:
    called = turn(
        ("assistant", (ToolCall("call_1", "weather", '{"in":"Paris"}'),)), ("tool", (ToolResult("call_1", "rain"),))
    )
    assert texts_in(called) == ["weather", '{"in":"Paris"}', "rain"]
    assert audio_tokens_in(called) == 0


def test_an_earlier_answer_of_which_only_the_sound_is_known_has_no_text() -> None:
    assert texts_in(turn(("assistant", (Speech(Pcm(b"", 24_000), None, 1.0),)))) == []


def test_without_the_models_own_tokenizer_a_prompt_is_counted_by_its_words_and_signs() -> None:
    asked = turn(("system", (Text("Be kind."),)), ("user", (heard(1.7),)))
    assert estimated(asked) == Usage(text_in=3 + 4 + 3 + 4 + 4, audio_in=17)


@pytest.mark.parametrize("text", ["Be kind.", "", "\u00fcber", "\u8bed\u97f3", "a b c d 1 2 3 !!!!", "\U0001f600" * 9])
def test_no_prompt_costs_more_than_its_bytes(text: str) -> None:
    asked = turn(("system", (Text(text),)), ("user", (heard(1.7),)))
    assert most_in(asked) == Usage(text_in=3 + 4 + 4 + 4 + len(text.encode()) + 1, audio_in=17)
    assert most_in(asked).text_in >= estimated(asked).text_in
