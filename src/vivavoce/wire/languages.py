"""Languages by their ISO-639-1 codes: which there are, and what the original calls those it names."""

_NAMED = """
af afrikaans ar arabic as assamese az azerbaijani ba bashkir be belarusian bg bulgarian bn bengali bo tibetan
br breton bs bosnian ca catalan cs czech cy welsh da danish de german el greek en english es spanish et estonian
eu basque fa persian fi finnish fo faroese fr french gl galician gu gujarati ha hausa haw hawaiian he hebrew
hi hindi hr croatian ht haitian-creole hu hungarian hy armenian id indonesian is icelandic it italian ja japanese
jw javanese ka georgian kk kazakh km khmer kn kannada ko korean la latin lb luxembourgish ln lingala lo lao
lt lithuanian lv latvian mg malagasy mi maori mk macedonian ml malayalam mn mongolian mr marathi ms malay
mt maltese my myanmar ne nepali nl dutch nn nynorsk no norwegian oc occitan pa punjabi pl polish ps pashto
pt portuguese ro romanian ru russian sa sanskrit sd sindhi si sinhala sk slovak sl slovenian sn shona so somali
sq albanian sr serbian su sundanese sv swedish sw swahili ta tamil te telugu tg tajik th thai tk turkmen
tl tagalog tr turkish tt tatar uk ukrainian ur urdu uz uzbek vi vietnamese yi yiddish yo yoruba yue cantonese
zh chinese
"""
_ALSO = """
aa ab ae ak am an av ay bh bi bm ce ch co cr cu cv dv dz ee eo ff fj fy ga gd gn gv ho hz ia ie ig ii ik io iu jv
kg ki kj kl kr ks ku kv kw ky lg li lu mh na nb nd ng nr nv ny oj om or os pi qu rm rn rw sc se sg sm ss st ti tn
to ts tw ty ug ve vo wa wo xh za zu
"""
_WORDS = _NAMED.split()

NAMES = {code: name.replace("-", " ") for code, name in zip(_WORDS[::2], _WORDS[1::2], strict=True)}
"""Of the languages Whisper knows; `haw`, `jw` and `yue` are its own codes."""

CODES = frozenset(NAMES) | frozenset(_ALSO.split())


def language_code(language: str, *, strict: bool = False) -> str | None:
    """The code in what a client sends, or None. Unless `strict`, `en-US` and `English` are taken as well."""
    if language in CODES or strict:
        return language if language in CODES else None
    lowered = language.strip().lower()
    base = lowered.replace("_", "-").split("-")[0]
    if base in CODES:
        return base
    return next((code for code, name in NAMES.items() if name == lowered), None)


def language_name(code: str | None) -> str:
    """What the original calls a language; English where nothing is known."""
    return NAMES.get(code or "en", code or "english")
