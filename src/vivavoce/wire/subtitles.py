"""Subtitles: SubRip and WebVTT."""

from collections.abc import Sequence

from vivavoce.core.captions import Caption


def srt(lines: Sequence[Caption]) -> str:
    """SubRip: a number, the times, the text, an empty line."""
    return "".join(
        f"{number}\n{clock(line.start_s, ',')} --> {clock(line.end_s, ',')}\n{_shown(line.text)}\n\n"
        for number, line in enumerate(lines, 1)
    )


def vtt(lines: Sequence[Caption]) -> str:
    """WebVTT: its name, then for each line the times, the text, an empty line."""
    cues = (f"{clock(line.start_s, '.')} --> {clock(line.end_s, '.')}\n{_shown(line.text)}\n\n" for line in lines)
    return "WEBVTT\n\n" + "".join(cues)


def clock(seconds: float, point: str) -> str:
    """`HH:MM:SS`, then milliseconds after `point`."""
    whole, milliseconds = divmod(round(max(seconds, 0.0) * 1000), 1000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{point}{milliseconds:03d}"


def _shown(text: str) -> str:
    """A line's text, which must not look like the times of another."""
    return " ".join(text.split()).replace("-->", "->")
