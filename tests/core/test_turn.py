from vivavoce.core.audio import Pcm
from vivavoce.core.turn import Message, Speech, Text, ToolCall, ToolResult, Turn


def test_a_turn_is_as_large_as_its_words_and_sounds() -> None:
    sound = Pcm(bytes(1000), 24_000)
    said = (Speech(sound), Speech(sound, "ab"), Speech(None, "abc"))
    asked = (Text("abcd"), ToolCall("1", "f", "{...}"), ToolResult("1", "abcdef"))
    assert Turn((Message("user", said), Message("assistant", asked))).size == 1000 + 1002 + 3 + 4 + 5 + 6
    assert Turn(()).size == 0
