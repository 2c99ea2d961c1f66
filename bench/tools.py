"""How well the embedded brain chooses and calls eight tools: `python bench/tools.py MODEL.gguf [-v] [SET …]`."""

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vivavoce.core.turn import Message, Text, Tool, ToolCallDelta, Turn
from vivavoce.engines import toolcalls
from vivavoce.engines.llama import Llama

HERE = Path(__file__).parent / "tools"
NONE = "(none)"


def tools() -> tuple[Tool, ...]:
    listed = json.loads((HERE / "tools.json").read_text())
    return tuple(Tool(tool["name"], tool["description"], json.dumps(tool["parameters"])) for tool in listed)


def turn(says: str) -> Turn:
    return Turn((Message("user", (Text(says),)),), tools())


def arguments(brain: Llama, asked: Turn) -> tuple[dict[str, Any], float, float]:
    """Those of the first call, the seconds to its name, and the seconds it took."""
    started, named, text = time.monotonic(), 0.0, ""
    for event in brain.generate(asked):
        if isinstance(event, ToolCallDelta) and event.index == 0:
            named = named or time.monotonic() - started
            text += event.arguments
    return json.loads(text), named, time.monotonic() - started


def found(given: Any, path: str) -> str:
    for step in path.split("."):
        if isinstance(given, list):
            given = given[int(step)] if int(step) < len(given) else None
        else:
            given = given.get(step) if isinstance(given, dict) else None
    return str(given).lower()


def print_table(counts: Counter[tuple[str, str]], names: list[str]) -> None:
    width = max(map(len, names))
    print(" " * width, "chosen:", *(name[:9].rjust(9) for name in names))
    for wanted in names:
        row = [str(counts[wanted, chosen] or ".").rjust(9) for chosen in names]
        print(wanted.ljust(width), "       ", *row)


@dataclass
class Score:
    """What one set came to."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By tool expected and tool chosen."""
    right: int = 0
    more: int = 0
    """Requests that got a second call."""
    hits: list[list[bool]] = field(default_factory=list)
    """Of each right call: whether each expected argument is there."""
    times_s: list[tuple[float, float]] = field(default_factory=list)
    """Of each call: to its name, and to its end."""

    def share(self, name: str) -> str:
        """The counts in words."""
        idle = sum(count for (want, _), count in self.counts.items() if want == NONE)
        false = idle - self.counts[NONE, NONE]
        hit = sum(count for (want, chose), count in self.counts.items() if want == chose != NONE)
        wrong = sum(
            count for (want, chose), count in self.counts.items() if want != chose and NONE not in {want, chose}
        )
        total = self.counts.total()
        return (
            f"{name}: {self.right} of {total} right ({self.right / total:.0%}); of {total - idle} that need a tool "
            f"{hit} get it, {wrong} another; {false} false calls in {idle} ({false / idle:.0%}); "
            f"{self.more} with a second call"
        )

    def filled(self, name: str) -> str:
        """The arguments in words."""
        kept, all_of = sum(map(sum, self.hits)), sum(map(len, self.hits))
        to_name, to_end = (sorted(column)[len(column) // 2] for column in zip(*self.times_s, strict=True))
        return (
            f"{name}: {kept} of {all_of} expected arguments, {sum(map(all, self.hits))} of {len(self.hits)} calls with "
            f"all of them; {to_name:.2f} s to the name, {to_end:.2f} s a call"
        )


def score(brain: Llama, name: str, *, loud: bool) -> Score:
    names, made = [tool.name for tool in tools()], Score()
    for row in map(json.loads, (HERE / f"{name}.jsonl").read_text().splitlines()):
        asked = turn(row["says"])
        chosen = [names[choice.tool] for choice in toolcalls.calls(asked)]
        made.counts[row["tool"] or NONE, chosen[0] if chosen else NONE] += 1
        made.more += len(chosen) > 1
        good = chosen == ([row["tool"]] if row["tool"] else [])
        made.right += good
        given: dict[str, Any] = {}
        if chosen:
            given, *seconds = arguments(brain, asked)
            made.times_s.append((seconds[0], seconds[1]))
        hits = [found(given, path) == str(value).lower() for path, value in row.get("arguments", {}).items()]
        made.hits += [hits] if good and hits else []
        if loud:
            mark = "yes" if good and (all(hits) or not chosen) else " no"
            print(f"  {mark} {row['says']}  ->  {', '.join(chosen) or '-'} {given or ''}")
    return made


def main() -> None:
    model, *sets = [word for word in sys.argv[1:] if word != "-v"]
    brain = Llama(Llama.Options(model=model))
    for name in sets or ["first", "second"]:
        made = score(brain, name, loud="-v" in sys.argv)
        print_table(made.counts, [*(tool.name for tool in tools()), NONE])
        print(made.share(name), made.filled(name), sep="\n", end="\n\n")
    brain.close()


if __name__ == "__main__":
    main()
