from vivavoce.testing.wer import cer, characters, distance, wer, words


def test_words_are_told_apart_from_how_they_are_written() -> None:
    assert words("It’s Dr. Smith's twenty-one, okay?") == ["it's", "doctor", "smith's", "twenty", "one", "ok"]


def test_the_fewest_changes_are_counted() -> None:
    assert distance(["a", "b", "c"], ["a", "c"]) == 1
    assert distance([], ["a"]) == 1
    assert distance(["a", "b"], ["b", "a"]) == 2


def test_the_rate_is_of_all_words_together() -> None:
    assert wer([("one two three", "one two"), ("four", "four")]) == 0.25
    assert wer([]) == 0


def test_characters_are_told_apart_from_how_they_are_written() -> None:
    assert characters("法国，７ 点 Go！") == ["法", "国", "7", "点", "g", "o"]
    assert characters("電車は「ラーメン」。") == list("電車はラーメン")


def test_the_rate_of_characters_needs_no_words() -> None:
    assert cer([("今天天气好。", "今 天 天 汽 好"), ("请关灯", "请关灯")]) == 0.125
    assert cer([]) == 0
