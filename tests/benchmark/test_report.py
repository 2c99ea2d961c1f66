import json
import math
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import httpx2
import jsonschema_rs
import pytest

from tests.benchmark.peers import MACHINE, SPEECH, URL, Peer, climbed
from vivavoce.benchmark import report
from vivavoce.benchmark.asking import Asked, Turn
from vivavoce.benchmark.climbing import Climb, Plan, Step
from vivavoce.benchmark.figures import Measured
from vivavoce.benchmark.picture import picture
from vivavoce.benchmark.player import Player
from vivavoce.benchmark.processes import Processes
from vivavoce.benchmark.questions import Questions
from vivavoce.benchmark.watching import Generator, Used

NONE = "This machine carries no conversation at a first audio of 1500 ms: with one, "
NUMBER = {"type": ["number", "null"]}
COUNT = {"type": "integer", "minimum": 0}
TEXT, FLAG = {"type": "string"}, {"type": "boolean"}


def strictly(**fields: object) -> dict[str, object]:
    """An object with these and no others."""
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


BOTH = strictly(p50=NUMBER, p95=NUMBER)
STEP = strictly(
    **dict.fromkeys(("conversations", "turns", "answered", "refused", "failed", "gaps"), COUNT),
    **dict.fromkeys(("transcripts", "transcripts_answered"), COUNT),
    **dict.fromkeys(("transcript_ms", "first_word_ms", "first_audio_ms", "speech_to_first_audio_ms"), BOTH),
    **dict.fromkeys(("total_ms", "real_time_factor"), BOTH),
    **dict.fromkeys(("seconds", "gaps_ms", "cores_per_conversation", "memory_mb"), NUMBER),
    memory_mb_per_conversation=NUMBER,
    whole=FLAG,
    holds=FLAG,
    failures={"type": "object", "additionalProperties": COUNT},
    generator=strictly(lag_p95_ms=NUMBER, lag_most_ms=NUMBER, busy=NUMBER, bottleneck=FLAG),
)
THE_MACHINE = strictly(cpu=TEXT, cores=COUNT, memory_mb={"type": ["integer", "null"]}, system=TEXT, python=TEXT)
SCHEMA = strictly(
    **dict.fromkeys(("server", "vivavoce", "ended", "model", "voice", "sentence"), TEXT),
    **dict.fromkeys(("own", "references", "spoken_questions", "limit_passed"), FLAG),
    **dict.fromkeys(("limit_ms", "pause_s", "first_audio_ms", "memory_idle_mb"), NUMBER),
    load_generator_machine=THE_MACHINE,
    server_machine={"anyOf": [THE_MACHINE, {"type": "null"}]},
    transcription_model={"type": ["string", "null"]},
    conversations=COUNT,
    remarks={"type": "array", "items": TEXT},
    processes={"type": "array", "items": TEXT},
    steps={"type": "array", "items": STEP},
)


def step(conversations: int, *first_audio_s: float | None, gap_s: float = 0, whole: bool = True) -> Step:
    turns: list[Turn] = []
    for first_s in first_audio_s:
        player = Player()
        if first_s is not None:
            player.add(first_s, 1)
            player.add(first_s + 1 + gap_s, 1)
        end = "refused" if first_s is None else "answered"
        turns.append(Turn(True, end, "" if first_s else "status 503", first_s, first_s, (first_s or 0) + 1, player))
    used = Used(cpu_s=conversations * 5, memory_mb=100 + 10 * conversations)
    return Step(Measured(conversations, turns), Generator(0.001, 0.002, 0.1), used, 10, whole)


def climb(*steps: Step, base: str = URL, own: bool = True) -> Climb:
    asked = Asked(httpx2.AsyncClient(base_url=URL), "a-model", "alloy", 1)
    questions, plan = Questions([SPEECH]), Plan(1.5)
    return Climb(base, asked, questions, plan, Processes(()), print, MACHINE, own, list(steps), 100.0, ["python 2"])


FULL = climb(step(1, 0.5), step(2, 0.6, 0.7), step(4, 2.0, None, gap_s=0.3))


async def test_json_is_of_one_shape() -> None:
    for each in (await climbed(Peer(room=2)), FULL, climb()):
        told = json.loads(report.as_json(each, "1.2.3"))
        jsonschema_rs.validate(SCHEMA, told)
    told = json.loads(report.as_json(FULL, "1.2.3"))
    assert (told["conversations"], told["first_audio_ms"], told["limit_passed"]) == (2, 700, True)
    assert told["steps"][2]["first_audio_ms"] == {"p50": 2000, "p95": None}
    assert (told["steps"][2]["gaps"], told["steps"][2]["gaps_ms"]) == (1, 300)
    assert told["steps"][1]["cores_per_conversation"] == 0.5
    assert told["steps"][1]["memory_mb_per_conversation"] == 10


async def test_what_is_said_is_never_told() -> None:
    told = report.as_json(await climbed(Peer()), "1.2.3")
    assert "Hello" not in told


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([step(1, 0.5), step(2, 1.6)], "This machine carries 1 conversation at a first audio of 500 ms."),
        ([step(1, 0.5), step(2, 0.7)], "This machine carries at least 2 conversations at a first audio of 700 ms."),
        (
            [step(1, 0.5), step(2, 0.7, whole=False)],
            "This machine carries at least 1 conversation at a first audio of 500 ms.",
        ),
        ([step(1, 1.6)], NONE + "its first audio comes after 1600 ms (p95)."),
        ([step(1, None, 0.5)], NONE + "1 of 2 turns had no answer."),
        ([step(1, 0.5, whole=False)], "Cut short before one conversation was measured."),
        ([], "Cut short before one conversation was measured."),
    ],
)
def test_it_comes_to_one_sentence(steps: list[Step], said: str) -> None:
    assert report.sentence(climb(*steps)) == said


def test_another_server_is_named() -> None:
    elsewhere = climb(*FULL.steps, own=False)
    assert report.sentence(elsewhere) == f"{URL} carries 2 conversations at a first audio of 700 ms."


def test_a_row_has_every_column() -> None:
    rows = report.rows(FULL)
    assert {len(row) for row in rows} == {len(report.COLUMNS)}
    told = dict(zip(report.COLUMNS, rows[2], strict=True))
    assert (told["refused"], told["its p95"], told["gaps"], told["cores each"]) == ("1", "2000", "1 (300 ms)", "0.50")
    assert rows[2][report.COLUMNS.index("first audio") + 1] == "never"


def test_remarks_tell_of_the_load_generator_and_of_what_was_left_out() -> None:
    late = Step(Measured(1, [Turn(False, "answered", "", 0.1, 0.1, 1)]), Generator(0.09, 0.1, 0.9), None, 1, whole=True)
    hidden = climb(late, own=False)
    hidden.processes = None
    said = report.remarks(hidden)
    assert f"the load generator ran on: {MACHINE}" in said
    assert "CPU and memory were left out: the server's processes are not to be seen from here" in said
    assert any("late by 90 ms (p95) and used 90% of a core" in each for each in said)


@pytest.mark.parametrize(
    ("own", "processes", "is_here"), [(True, Processes(()), True), (False, Processes(()), True), (False, None, False)]
)
def test_the_server_is_told_to_be_on_this_machine_only_where_it_is(
    own: bool, processes: Processes | None, is_here: bool
) -> None:
    measured = climb(*FULL.steps, own=own)
    measured.processes = processes
    told = json.loads(report.as_json(measured, "1.2.3"))
    machine = {"cpu": "a processor", "cores": 2, "memory_mb": 8192, "system": "a system 1", "python": "3.11.0"}
    assert (told["load_generator_machine"], told["server_machine"]) == (machine, machine if is_here else None)
    named = "a processor, 2 cores, 8 GB, a system 1, Python 3.11.0"
    assert told["remarks"][0] == (f"measured on: {named}" if is_here else f"the load generator ran on: {named}")
    assert (f">{named}<" in picture(measured)) == is_here


def test_it_is_told_that_transcripts_are_no_part_of_a_turn() -> None:
    assert "as many at once, after the conversations; it is no part of a turn" in report.LEGEND


FAR = climb(step(1, 900.0), base="https://a-server.with-a-long-name.example/a/long/path/to/v1", own=False)
CLOSE = climb(*(step(2**power, 0.02, 1.5, gap_s=0.3) for power in range(11)), step(1100, 900.0, None, whole=False))
NEVER = climb(step(1, math.inf))
NO_ANSWER = climb(step(64, *[None] * 256))


@pytest.mark.parametrize("drawn", [FULL, climb(), NEVER, FAR, CLOSE, NO_ANSWER])
def test_the_picture_is_xml_that_runs_nothing(drawn: Climb) -> None:
    drawn.asked.model = "<script>alert(1)</script>&"
    root = ET.fromstring(picture(drawn))  # noqa: S314 - our own
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    for each in root.iter():
        assert each.tag.rpartition("}")[2] in {
            *("svg", "title", "style", "g", "rect", "text", "line", "polyline", "circle"),
        }
        assert not [name for name in each.attrib if name.startswith("on") or "href" in name]
    assert "prefers-color-scheme: dark" in picture(drawn)


def words(drawn: Climb) -> list[str]:
    found = ET.fromstring(picture(drawn)).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - our own
    return [each.text or "" for each in found]


def test_the_picture_tells_limit_gaps_and_refusals_in_words_too() -> None:
    for told in ("limit", "1500 ms", "gaps", "▲ 1", "unanswered", "✕ 1 of 2", "p95 never", "p50 2000", "p95 500"):
        assert told in words(FULL)
    assert words(FULL)[0].startswith("This machine carries 2 conversations")


@pytest.mark.parametrize("drawn", [FULL, climb(), NEVER, FAR, CLOSE, NO_ANSWER])
def test_the_picture_has_the_whole_sentence(drawn: Climb) -> None:
    assert " ".join(words(drawn)).startswith(report.sentence(drawn))


@pytest.mark.parametrize("drawn", [FULL, climb(), NEVER, FAR, CLOSE, NO_ANSWER])
def test_no_word_of_the_picture_lies_over_another_or_over_its_edge(drawn: Climb) -> None:
    root = ET.fromstring(picture(drawn))  # noqa: S314 - our own
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    boxes = list(placed(root))
    for place, (text, left, right, top, bottom) in enumerate(boxes):
        assert left >= 0, text
        assert right <= width, text
        assert bottom <= height, text
        for other, its_left, its_right, its_top, its_bottom in boxes[:place]:
            apart = right <= its_left or its_right <= left or bottom <= its_top or its_bottom <= top
            assert apart, (text, other)


def placed(root: ET.Element, down: float = 0) -> Iterator[tuple[str, float, float, float, float]]:
    """Each text, and about where it lies: left, right, top and bottom."""
    for each in root:
        if each.tag.endswith("}g"):
            yield from placed(each, float(each.attrib["transform"].rstrip(")").split()[1]))
        elif each.tag.endswith("}text"):
            text, size = each.text or "", float(each.attrib.get("font-size", 13))
            wide = 0.56 * size * len(text)
            share = {"middle": 0.5, "end": 1.0}.get(each.attrib.get("text-anchor", ""), 0.0)
            left, base = float(each.attrib["x"]) - share * wide, down + float(each.attrib["y"])
            yield text, left, left + wide, base - 0.8 * size, base + 0.2 * size
