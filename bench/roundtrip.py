"""Says a text in every voice and format through the server, hears it again, and prints what was misheard.

    python bench/roundtrip.py [voice …]

The table is the one in docs/voices.md. It fails where a voice in a format is misheard too often, where a container
sounds more than 2 % longer or shorter than what was said, or where the server tells another duration than its own.
"""

import sys

import httpx2
from openai import OpenAI

from endpoints import FORMATS, MAX_LONGER, MAX_WER, TEXT, decoded_seconds, hear, say
from serving import embedded_default
from vivavoce.testing.wer import wer


def main() -> int:
    with embedded_default() as server, OpenAI(base_url=f"{server.url}/v1", api_key="anything", max_retries=0) as client:
        listed = httpx2.get(f"{server.url}/v1/audio/voices", trust_env=False).json()["voices"]
        voices = sys.argv[1:] or [voice["id"] for voice in listed]
        print(f"| voice | {' | '.join(FORMATS)} |\n|---|{'---|' * len(FORMATS)}", flush=True)
        heard: dict[tuple[str, str], str] = {}
        longer: dict[str, list[float]] = {form: [] for form in FORMATS}
        told: list[float] = []
        for voice in voices:
            spoken = decoded_seconds(say(client, TEXT, voice, "pcm"))
            for form in FORMATS:
                sound = say(client, TEXT, voice, form)
                heard[voice, form], seconds = hear(client, sound, form)
                longer[form].append(decoded_seconds(sound) / spoken - 1)
                told.append(abs(seconds / decoded_seconds(sound) - 1))
            row(voice, [wer([(TEXT, heard[voice, form])]) for form in FORMATS])
    row("all", [wer([(TEXT, heard[voice, form]) for voice in voices]) for form in FORMATS])
    print(f"| longer by, % | {' | '.join(f'{100 * max(longer[form], key=abs):.1f}' for form in FORMATS)} |")
    print(f"all together: WER {wer([(TEXT, words) for words in heard.values()]):.3f}")
    print(f"duration told, off by at most {100 * max(told):.2f} %")
    bad = [pair for pair, words in heard.items() if wer([(TEXT, words)]) > MAX_WER]
    print(*(f"{voice} in {form} is misheard" for voice, form in bad), sep="\n")
    off = max(told) > MAX_LONGER or any(abs(more) > MAX_LONGER for each in longer.values() for more in each)
    return int(off or bool(bad))


def row(name: str, rates: list[float]) -> None:
    """One line of the table."""
    print(f"| {name} | {' | '.join(f'{rate:.2f}' for rate in rates)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
