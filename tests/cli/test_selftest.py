"""A model is tried, and what was found is told; here on scripted engines, which do not hear what was said."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from vivavoce.catalogue import machine
from vivavoce.cli.sentences import SENTENCES
from vivavoce.testing.wer import UNSPACED, characters, words


def rows(text: str) -> dict[str, list[str]]:
    found = [line.split("\t") for line in text.splitlines()]
    return {f"{what} {language}": [mark, said] for mark, what, language, said in found}


def test_every_trial_ends_with_a_finding(run: Run, tmp_path: Path) -> None:
    ran = run("selftest", "--json", "found.json")
    found = rows(ran.text)
    assert found["say and hear en"] == ["no", "word error rate 0.96"]
    assert found["first audio -"][0] == "ok"
    assert "after a spoken question" in found["first audio -"][1]
    assert found["tool call -"] == ["no", "it called nothing"]
    assert found["answer en"][0] == "ok"
    assert (ran.code, ran.err) == (1, "")
    report = json.loads((tmp_path / "found.json").read_text())
    assert (report["ok"], report["model"]) == (False, "talker")
    assert report["engines"] == {role: ["script: scripted"] for role in ("hear", "think", "speak")}
    assert [each["what"] for each in report["found"]] == ["say and hear", "first audio", "tool call", "answer"]
    assert report["found"][3]["figures"]["answer"] == "Hello there. Bye."
    assert str(tmp_path) not in (tmp_path / "found.json").read_text()


def test_what_does_not_apply_is_no_failure(run: Run) -> None:
    found = rows(run("selftest", "--model", "writer", "--language", "fi").text)
    assert found["say and hear fi"] == ["-", "no sentences of this language here"]
    assert found["first audio -"] == ["-", "it does not answer aloud"]
    assert found["answer fi"] == ["-", "no question of this language here"]


@pytest.mark.parametrize(("language", "rate"), [("zh", 0.688), ("ja", 0.957)])
def test_what_has_no_spaces_is_counted_in_characters(run: Run, tmp_path: Path, language: str, rate: float) -> None:
    options = 'options = { says = "马德里。", hears = "法国的首都是哪里", speech_ms = 10 }'
    table = '[models.m]\nhear = "s"\nthink = "s"\nspeak = "s"\n'
    (tmp_path / "vivavoce.toml").write_text(f'[engines.s]\nuse = "scripted"\n{options}\n{table}')
    report = json.loads(run("selftest", "--language", language, "--json", "-").text)
    heard, answered = report["found"][0], report["found"][3]
    assert heard["said"] == f"character error rate {rate:.2f}"
    assert "wer" not in heard["figures"]
    assert heard["figures"]["cer"] == rate
    assert answered["said"].startswith("3 characters, ")


def test_the_report_can_be_all_there_is(run: Run) -> None:
    report = json.loads(run("selftest", "--json", "-", "--language", "de", "--language", "fr").text)
    assert [each.get("language") for each in report["found"]] == ["de", "fr", None, None, "de", "fr"]


def test_an_engine_that_fails_is_a_finding(run: Run, tmp_path: Path) -> None:
    (tmp_path / "vivavoce.toml").write_text(
        '[engines.mute]\nuse = "scripted"\noptions = { says = "", speech_ms = 0 }\n[models.m]\nthink = "mute"\n'
    )
    ran = run("selftest")
    assert ran.code == 1
    assert rows(ran.text)["answer en"] == ["no", "there was no answer"]


@pytest.mark.parametrize("language", SENTENCES)
def test_each_language_has_enough_to_say(language: str) -> None:
    known = SENTENCES[language]
    assert len(known.said) == 3
    if language in UNSPACED:
        assert sum(len(characters(sentence)) for sentence in known.said) >= 30
    else:
        assert sum(len(words(sentence)) for sentence in known.said) >= 15
    assert known.asked


def test_the_machine_is_looked_at() -> None:
    here = machine.look()
    assert here.cores >= 1
    assert 1 << 28 < here.free <= here.memory
