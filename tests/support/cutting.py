"""A text cut into pieces, and the places in it, written so that a test can be read."""

from itertools import accumulate

from vivavoce.core.phrases import FirstPiece, Phrases
from vivavoce.core.places import Cut, best_cut

MARKS = {Cut.END: "‖", Cut.CLAUSE: "¦", Cut.PHRASE: "|", Cut.SPACE: " ", Cut.LETTER: "·", Cut.NEVER: "_"}
_PLAIN = str.maketrans(dict.fromkeys(MARKS.values(), " "))


def cut(text: str, *, first: FirstPiece = "sentence", chunk: int = 0) -> list[str]:
    """Its pieces, where it comes in chunks of so many characters; 0: at once."""
    phrases = Phrases(first)
    deltas = [text[at : at + chunk] for at in range(0, len(text), chunk)] if chunk else [text]
    pieces = [piece for delta in deltas for piece in phrases.feed(delta)] + phrases.end()
    assert [(piece.start, piece.end) for piece in pieces] == spans([piece.text for piece in pieces])
    return [piece.text for piece in pieces]


def spans(texts: list[str]) -> list[tuple[int, int]]:
    """Where each of them begins and ends in all of them."""
    ends = list(accumulate(map(len, texts)))
    return list(zip([0, *ends], ends, strict=False))


def plain(marked: str) -> str:
    """The text that was marked, with its spaces."""
    return marked.translate(_PLAIN)


def marked(text: str, weight: int = 1) -> str:
    """A text whose spaces tell how good a cut there is; that must not change with what comes after it was decided."""
    out = list(text)
    for at, character in enumerate(text):
        if character == " " and at:
            kind = best_cut(text, at, weight, final=True)
            early = {best_cut(text[:end], at, weight, final=False) for end in range(at + 1, len(text) + 1)}
            assert kind is not None
            assert early <= {None, kind}, (text, at)
            out[at] = MARKS[kind]
    return "".join(out)
