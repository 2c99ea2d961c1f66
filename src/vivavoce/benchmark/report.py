"""What came out: rows of a table, remarks, one sentence, and JSON."""

import json
import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from vivavoce.benchmark.climbing import Climb, Step
from vivavoce.benchmark.figures import Spread

COLUMNS = (
    "conversations",
    "turns",
    "refused",
    "failed",
    "transcript",
    "first word",
    "first audio",
    "its p95",
    "after speech",
    "its p95",
    "total",
    "real time",
    "gaps",
    "cores each",
    "MB each",
)
LEGEND = (
    "Milliseconds, medians and p95 by rank. Transcript: from a recording to its words, by itself, as many at once, "
    "after the conversations; it is no part of a turn. First audio: from a question sent to its first sound, refused "
    "and failed turns last; after speech: the same of spoken questions, sent as they end. Real time: how long an "
    "answer took over how long it sounds."
)


def best(climb: Climb) -> Step | None:
    """The most conversations that were carried."""
    return next((step for step in reversed(climb.steps) if step.holds(climb.plan.limit_s)), None)


def sentence(climb: Climb) -> str:
    """What it comes to."""
    who = "This machine" if climb.own else climb.base
    limit = f"{climb.plan.limit_s * 1000:.0f} ms"
    found, last = best(climb), climb.steps[-1] if climb.steps else None
    if last is None or not (last.whole or found):
        return "Cut short before one conversation was measured."
    if found is None:
        first = last.measured.first_audio()
        came = f"its first audio comes after {_ms(first.p95)} ms (p95)" if first and _ends(first.p95) else _lost(last)
        return f"{who} carries no conversation at a first audio of {limit}: with one, {came}."
    least = "at least " if found is last or not last.whole else ""
    many = "1 conversation" if found.conversations == 1 else f"{found.conversations} conversations"
    first = found.measured.first_audio()
    return f"{who} carries {least}{many} at a first audio of {_ms(first and first.p95)} ms."


def rows(climb: Climb) -> list[list[str]]:
    """A row a step, by `COLUMNS`."""
    return [_row(step, climb) for step in climb.steps]


def _row(step: Step, climb: Climb) -> list[str]:
    seen = step.measured
    first, after = seen.first_audio(), seen.after_speech()
    count, gap_s = seen.gaps()
    cores, megabytes = each(step, climb.idle_mb)
    return [
        str(step.conversations) + ("" if step.whole else " (cut short)"),
        str(len(seen.turns)),
        str(seen.ended("refused")),
        str(seen.ended("failed")),
        *(_ms(spread and spread.p50) for spread in (seen.transcript(), seen.first_word(), first)),
        _ms(first and first.p95),
        _ms(after and after.p50),
        _ms(after and after.p95),
        _ms((whole := seen.total()) and whole.p50),
        f"{factor.p50:.2f}" if (factor := seen.real_time_factor()) else "-",
        f"{count} ({_ms(gap_s)} ms)" if count else "0",
        "-" if cores is None else f"{cores:.2f}",
        "-" if megabytes is None else f"{megabytes:.0f}",
    ]


def each(step: Step, idle_mb: float | None) -> tuple[float | None, float | None]:
    """Cores in use, and units of 2^20 bytes over those of the idle server, of one conversation."""
    if step.used is None or idle_mb is None:
        return None, None
    cores = step.used.cpu_s / step.seconds / step.conversations
    return cores, max(0.0, step.used.memory_mb - idle_mb) / step.conversations


def remarks(climb: Climb) -> list[str]:
    """What has to be known to read the figures."""
    said = [f"measured on: {climb.machine}" if climb.on_one_machine else f"the load generator ran on: {climb.machine}"]
    said += climb.remarks
    if climb.processes is None:
        said.append("CPU and memory were left out: the server's processes are not to be seen from here")
    else:
        peak = max((step.used.memory_mb for step in climb.steps if step.used), default=0)
        names = ", ".join(climb.named)
        said.append(f"the server's processes ({names}) held {climb.idle_mb or 0:.0f} MB idle, {peak:.0f} MB at most")
    if climb.on_one_machine:
        said.append("the load generator ran on the same machine, and took its share of it")
    for step in climb.steps:
        if slow(step):
            said.append(
                f"at {step.conversations} the load generator may be what was measured: it was late by "
                f"{_ms(step.generator.lag_p95_s)} ms (p95) and used {step.generator.busy:.0%} of a core"
            )
        said += [
            f"at {step.conversations}: {count} turns without an answer ({why})"
            for why, count in step.measured.failures().items()
        ]
    worst = max((step.generator.lag_p95_s for step in climb.steps), default=0)
    return [*said, f"the load generator was late by {_ms(worst)} ms at most (p95 of a step)"]


def slow(step: Step) -> bool:
    """Whether the load generator was the bottleneck."""
    first = step.measured.first_audio()
    return step.generator.is_bottleneck(first.p50 if first else None)


def as_json(climb: Climb, version: str) -> str:
    """Everything, for programs. Times are in milliseconds; null: not measured, never, or not to be seen from here."""
    found = best(climb)
    first = found.measured.first_audio() if found else None
    whole = {
        "server": climb.base,
        "own": climb.own,
        "vivavoce": version,
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_generator_machine": asdict(climb.machine),
        "server_machine": asdict(climb.machine) if climb.on_one_machine else None,
        "model": climb.asked.model,
        "voice": climb.asked.voice,
        "transcription_model": climb.asked.hearing,
        "references": climb.asked.references,
        "spoken_questions": bool(climb.questions.recordings),
        "limit_ms": climb.plan.limit_s * 1000,
        "pause_s": climb.plan.pause_s,
        "conversations": found.conversations if found else 0,
        "first_audio_ms": _number(first and first.p95, 1000),
        "limit_passed": bool(climb.steps) and climb.steps[-1].whole and found is not climb.steps[-1],
        "sentence": sentence(climb),
        "remarks": remarks(climb),
        "processes": climb.named,
        "memory_idle_mb": _number(climb.idle_mb),
        "steps": [_step(step, climb) for step in climb.steps],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _step(step: Step, climb: Climb) -> dict[str, Any]:
    seen = step.measured
    gaps, gap_s = seen.gaps()
    cores, megabytes = each(step, climb.idle_mb)
    return {
        "conversations": step.conversations,
        "whole": step.whole,
        "holds": step.holds(climb.plan.limit_s),
        "seconds": _number(step.seconds),
        "turns": len(seen.turns),
        "answered": seen.ended("answered"),
        "refused": seen.ended("refused"),
        "failed": seen.ended("failed"),
        "failures": seen.failures(),
        "transcripts": len(seen.transcripts),
        "transcripts_answered": sum(end == "answered" for end, _ in seen.transcripts),
        "transcript_ms": _both(seen.transcript(), 1000),
        "first_word_ms": _both(seen.first_word(), 1000),
        "first_audio_ms": _both(seen.first_audio(), 1000),
        "speech_to_first_audio_ms": _both(seen.after_speech(), 1000),
        "total_ms": _both(seen.total(), 1000),
        "real_time_factor": _both(seen.real_time_factor()),
        "gaps": gaps,
        "gaps_ms": _number(gap_s, 1000),
        "cores_per_conversation": _number(cores),
        "memory_mb": _number(step.used and step.used.memory_mb),
        "memory_mb_per_conversation": _number(megabytes),
        "generator": {
            "lag_p95_ms": _number(step.generator.lag_p95_s, 1000),
            "lag_most_ms": _number(step.generator.lag_most_s, 1000),
            "busy": _number(step.generator.busy),
            "bottleneck": slow(step),
        },
    }


def _both(spread: Spread | None, scale: float = 1) -> dict[str, float | None]:
    return {"p50": _number(spread and spread.p50, scale), "p95": _number(spread and spread.p95, scale)}


def _number(value: float | None, scale: float = 1) -> float | None:
    return None if value is None or not _ends(value) else round(value * scale, 3)


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f}" if _ends(seconds) else "never"


def _ends(value: float) -> bool:
    return math.isfinite(value)


def _lost(step: Step) -> str:
    seen = step.measured
    return f"{seen.ended('refused') + seen.ended('failed')} of {len(seen.turns)} turns had no answer"
