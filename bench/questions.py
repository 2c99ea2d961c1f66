"""How well the embedded brain answers sixty plain questions: `python bench/questions.py MODEL.gguf [SET …]`."""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vivavoce.core.turn import Message, Sampling, Text, TextDelta, Turn
from vivavoce.engines.llama import Llama

HERE = Path(__file__).parent / "questions"


def answer(brain: Llama, messages: list[Message]) -> tuple[str, float]:
    """The whole answer, and the seconds to its first words."""
    started, first, text = time.monotonic(), 0.0, ""
    for event in brain.generate(Turn(tuple(messages), sampling=Sampling(seed=7))):
        if isinstance(event, TextDelta):
            first = first or time.monotonic() - started
            text += event.text
    return text, first


def talk(brain: Llama, question: dict[str, Any]) -> tuple[str, float]:
    """The last answer of a conversation in which everything before was said and answered."""
    messages: list[Message] = []
    text, first = "", 0.0
    for said in question["says"]:
        messages.append(Message("user", (Text(said),)))
        text, first = answer(brain, messages)
        messages.append(Message("assistant", (Text(text),)))
    return text, first


def ask(brain: Llama, name: str, *, loud: bool) -> Iterator[tuple[str, bool, int, float]]:
    """Kind, whether it was answered, words of the answer, seconds to its first words: one for each question."""
    for line in (HERE / f"{name}.jsonl").read_text().splitlines():
        question = json.loads(line)
        text, first = talk(brain, question)
        right = any(re.search(pattern, text, re.IGNORECASE) for pattern in question["accept"])
        if loud:
            print(f"  {'yes' if right else ' no'} {question['id']} {question['says'][-1]}  ->  {text!r}")
        yield question["kind"], right, len(text.split()), first


def report(name: str, results: list[tuple[str, bool, int, float]]) -> None:
    asked = Counter(kind for kind, *_ in results)
    right = Counter(kind for kind, good, *_ in results if good)
    kinds = ", ".join(f"{kind} {right[kind]}/{asked[kind]}" for kind in asked)
    words = sum(count for _, _, count, _ in results) / len(results)
    first = sorted(wait for *_, wait in results)[len(results) // 2]
    print(
        f"{name}: {right.total()} of {len(results)} answered ({kinds}); {words:.1f} words an answer; {first:.2f} s wait"
    )


def main() -> None:
    loud = "-v" in sys.argv
    model, *sets = [word for word in sys.argv[1:] if word != "-v"]
    brain = Llama(Llama.Options(model=model))
    for name in sets or ["tuning", "held_out"]:
        report(name, list(ask(brain, name, loud=loud)))
    brain.close()


if __name__ == "__main__":
    main()
