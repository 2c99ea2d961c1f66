"""The stems of the words of an English text that say something."""

import re

SAID = "um uh er hmm please hey hi hello okay ok so well oh just actually maybe"
FILLERS = frozenset(SAID.split())
"""Said while thinking or out of courtesy."""
EVERYWHERE = """a about again all also am an and any anything are aren't as at away be been before but by can can't
    could did didn't do does doesn't don't each else every few for from get give go going gonna got had has have he help
    her here him his how i i'd i'll i'm i've if in into is isn't it it's its let let's like look make many may
    me might mine more most much my need new no nor not now of off on one or other our out over own put really
    right she should show so some someone something still such take tell than thank thanks that that's the
    their them then there these they thing this those through to too try up us use very wanna want was way we
    were what what's when where which while who why will with would yes you your able e.g available current
    given into per set value via specify whether using return returns optional"""
EMPTY = FILLERS | frozenset(EVERYWHERE.split())
"""Words that are in every request and every description, and tell none apart."""
OFTEN = "today tomorrow day week weekend tim minut hour second month year nam numb city kind person"
COMMON = frozenset(OFTEN.split())
"""Stems of words that are in many requests, and say little of what is asked for."""
ENDINGS = (
    *(("ations", ""), ("ation", ""), ("ically", "ic"), ("ments", ""), ("ment", ""), ("ness", ""), ("ing", "")),
    *(("ies", "y"), ("ied", "y"), ("ers", ""), ("er", ""), ("est", ""), ("ed", ""), ("ly", ""), ("es", "")),
    *(("s", ""), ("e", "")),
)
"""Endings and what they leave, the longest that fits first."""
LEFT = 3
"""Least letters of a stem."""
WORDS = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[^\W_a-z0-9]+")
OUR = re.compile(r"(?<=[a-z]{3})our")
HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def stems(text: str) -> list[str]:
    """The stem of each word that is not an empty one, in order; `camelCase` and `snake_case` are several words."""
    return [stem(word) for word in WORDS.findall(HUMPS.sub(" ", text).lower().replace("’", "'")) if word not in EMPTY]


def stem(word: str) -> str:
    """The word without its ending: what `play`, `plays`, `played` and `playing` share."""
    word = OUR.sub("or", word.partition("'")[0])
    for ending, instead in ENDINGS:
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) + len(instead) >= LEFT:
            word = word[: len(word) - len(ending)] + instead
            break
    # doubled in stopped, single in stop
    return word[:-1] if len(word) > LEFT and word[-1] == word[-2] and word[-1] not in "aeiouls" else word
