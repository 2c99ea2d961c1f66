"""What was heard, cut into lines and words."""

from vivavoce.core.captions import Caption, captions, whole_text, word_ends
from vivavoce.core.engines import Transcript, Word


def words(*given: tuple[str, float, float]) -> tuple[Word, ...]:
    return tuple(Word(text, start_s, end_s) for text, start_s, end_s in given)


def test_a_line_ends_at_a_pause_and_at_the_end_of_a_sentence() -> None:
    said = words(("one", 0, 0.5), ("two", 0.6, 1), ("three", 2, 2.5), ("four", 2.5, 3))
    lines = captions([Transcript("one two. Three four", words=said)], 9)
    assert lines == [Caption("one two.", 0, 1), Caption("Three four", 2, 3)]
    close = words(("one", 0, 0.5), ("two", 0.5, 1))
    assert [line.text for line in captions([Transcript("One! Two?", words=close)], 9)] == ["One!", "Two?"]


def test_no_line_is_longer_than_people_read_at_a_glance() -> None:
    said = tuple(Word("word", at * 0.5, at * 0.5 + 0.5) for at in range(100))
    lines = captions([Transcript(" ".join(["word"] * 100), words=said)], 50)
    assert all(line.end_s - line.start_s <= 8 and len(line.text) <= 84 for line in lines)
    assert " ".join(line.text for line in lines) == " ".join(["word"] * 100)


def test_a_transcript_without_words_or_with_others_is_one_line() -> None:
    assert captions([Transcript("Hello. There."), Transcript(" ")], 3.0) == [Caption("Hello. There.", 0, 3.0)]
    other = words(("bye", 0, 1))
    assert captions([Transcript("Hello.", True, 1, 2, other)], 3.0) == [Caption("Hello.", 1, 2)]


def test_confidence_is_the_mean_of_those_told() -> None:
    said = (Word("a", 0, 1, 0.5), Word("b", 1, 2, 1.0), Word("c", 2, 3))
    assert captions([Transcript("a b c", words=said)], 3)[0].confidence == 0.75


def test_words_are_found_with_the_punctuation_after_them() -> None:
    assert word_ends("Hello, World!", words(("hello", 0, 1), ("world", 1, 2))) == [6, 13]
    assert word_ends("Hello", ()) is None
    assert word_ends("İz bir", words(("İz", 0, 1), ("bir", 1, 2))) is None  # a small İ is two letters
    assert word_ends("İz bir", words(("bir", 1, 2))) == [6]


def test_scripts_without_spaces_get_none() -> None:
    assert whole_text(["one ", "", " two"]) == "one two"
    assert whole_text(["你好。", "再见。"]) == "你好。再见。"
