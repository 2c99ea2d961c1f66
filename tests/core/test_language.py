# ruff: noqa: E501  (tables: an example is one line)
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.core.language import _SCRIPTS, language_of, told_by_script


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello there", "en"), ("", "en"), ("123 ?!", "en"), ("Żółć", "en"), ("ªµ×÷", "en"), ("ɐ", "en"),
        ("Привет", "ru"), ("Привіт", "uk"), ("прывітанне ў", "be"), ("љубав", "sr"), ("қазақ", "kk"),
        ("Γεια", "el"), ("ἀρχή", "el"), ("你好", "zh"), ("今日は", "ja"), ("カタカナ", "ja"), ("안녕", "ko"), ("مرحبا", "ar"), ("چطوری", "fa"),
        ("ہے ٹھیک", "ur"), ("שלום", "he"), ("नमस्ते", "hi"), ("নমস্কার", "bn"), ("வணக்கம்", "ta"), ("నమస్తే", "te"), ("สวัสดี", "th"),
        ("გამარჯობა", "ka"), ("բարև", "hy"), ("Python 是什么？", "zh"), ("The word 你好 means hello", "en"), ("ሰላም", "am"),
    ],
)  # fmt: skip
def test_the_script_tells(text: str, language: str):
    assert language_of(text) == language


@pytest.mark.parametrize(("language", "told"), [("zh", True), ("ru", True), ("de", False), ("uk", False), ("", False)])
def test_some_languages_need_no_default(language: str, told: bool):
    assert told_by_script(language) == told


@pytest.mark.parametrize(
    ("text", "default", "language"),
    [("Hallo", "de", "de"), ("Привет", "bg", "bg"), ("Привет", "de", "ru"), ("漢字", "ja", "ja"), ("नमस्ते", "mr", "mr")],
)
def test_the_default_wins_in_its_own_script(text: str, default: str, language: str):
    assert language_of(text, default) == language


@given(st.text())
def test_any_text_has_a_language(text: str):
    assert 2 <= len(language_of(text)) <= 3


def test_the_scripts_are_in_order():
    bounds = [bound for first, last, *_ in _SCRIPTS for bound in (first, last)]
    assert bounds == sorted(set(bounds))
