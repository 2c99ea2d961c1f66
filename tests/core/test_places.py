"""How good a place is: ‖ after a sentence, ¦ after a clause, | before a phrase, · between two words that hold
together, _ inside of something."""

import pytest

from tests.support.cutting import marked, plain
from vivavoce.core.places import Cut, best_cut


@pytest.mark.parametrize("mark", ".!?。！？｡।॥؟۔։።။។\u037e")
def test_a_mark_ends_a_sentence_at_a_space_also_within_quotes_and_brackets(mark: str):
    for closer in ("", *"\"')]}»”’›」』）】》〉］*_`~“‘«", '*"'):
        assert marked(f"They know{mark}{closer} Now").endswith(f"{mark}{closer}‖Now")


@pytest.mark.parametrize("mark", ",;:–—…，、；：،؛")
@pytest.mark.parametrize("closer", ["", '"', "*"])
def test_a_mark_ends_a_clause_at_a_space(mark: str, closer: str):
    assert marked(f"They know{mark}{closer} Now").endswith(f"{mark}{closer}¦Now")


@pytest.mark.parametrize("mark", "。！？｡।॥؟۔։።။។—…，、；：،؛")
@pytest.mark.parametrize("closer", ["", "」", "”"])
def test_these_marks_need_no_space(mark: str, closer: str):
    kind = best_cut(f"ab{mark}{closer}c", 3 + len(closer), 1, final=True)
    pauses = mark in "—…，、；：،؛"
    assert kind is (Cut.NEVER if pauses and closer else Cut.CLAUSE if pauses else Cut.END)


@pytest.mark.parametrize("mark", ".!?,;:–")
def test_these_marks_do(mark: str):
    assert best_cut(f"ab{mark}c", 3, 1, final=True) is Cut.NEVER


@pytest.mark.parametrize("mark", [*".!?,;:", "?!", "..."])
@pytest.mark.parametrize("sides", ["好我", "す「", "」は", "서부", "三我"])
def test_but_not_between_wide_characters(mark: str, sides: str):
    before, here = sides
    kind = best_cut(f"{before}{mark}{here}", 1 + len(mark), 3, final=True)
    assert kind is (Cut.END if mark[-1] in ".!?" and mark != "..." else Cut.CLAUSE)


@pytest.mark.parametrize("text", ["五.三", "３:２", "一,二", "http://例子.测", "a.好", "好,b", "3.好", '他:"好'])
def test_in_numbers_in_addresses_and_before_quotations_they_do(text: str):
    at = max(at for at, one in enumerate(text) if one in '.,:"') + 1
    assert best_cut(text, at, 3, final=True) is Cut.NEVER


@pytest.mark.parametrize("stays", ".!?。！？,;:–—…，、；：،؛\"')]}»”’›」』）】》〉］*_`~")
def test_what_closes_stays_with_what_it_closes(stays: str):
    assert best_cut(f"你好。{stays}", 3, 1, final=True) is Cut.NEVER


@pytest.mark.parametrize("space", "\u00a0\u2007\u202f\u2060")
def test_spaces_that_hold_together(space: str):
    assert best_cut(f"Stop.{space}Now", 5, 1, final=True) is Cut.NEVER


def test_one_place_in_a_run_of_spaces():
    assert marked("Stop.  Now") == "Stop.‖_Now"


@pytest.mark.parametrize("dash", ["-", "--", "–", "—"])
def test_a_dash_by_itself_ends_a_clause(dash: str):
    assert marked(f"so {dash} but").endswith(f"{dash}¦but")
    assert marked(f"so {dash} 5 or {dash} $5").count("¦") == 0


ABBREVIATIONS = (
    "Mr Mrs Ms Mx Dr Prof Rev Hon St Mt Ft Gen Col Lt Sgt Capt Cmdr Adm Gov Sen Rep Jr Sr vs approx dept est Inc "
    "Ltd Co Corp Bros cf al viz Ave Blvd Rd apt tel oz lb lbs tbsp tsp min max bzw ca evtl ggf vgl inkl Str Hr Mio "
    "Hrn Fr geb Dipl Mrd Mme Mlle Sra Srta Dra Avda EE ej Sig Dott Avv Ing Dhr Mevr Drs Messrs ul np mgr inż św др "
    "проф акад тыс ул डॉ श्री सुश्री प्रो रु J e.g U.S z.B Ph.D J.-P พ.ศ"
)


@pytest.mark.parametrize("word", ABBREVIATIONS.split())
def test_an_abbreviation_ends_no_sentence(word: str):
    assert marked(f"Ask {word}. Xy").endswith("._Xy")
    assert marked(f'Ask ("{word}. Xy').endswith("._Xy")


INITIALS = {
    "vitamins": "like vitamin·C.¦It is·good.‖So·am·I.¦You·too",
    "states": "lives|in·the·U.S.¦They left Washington·D.C.¦The·town",
    "degrees": "has a·Ph.D.¦She works·there",
    "times": "opens|at·9·a.m.¦Tomorrow they have|at·5·p.m.¦We·go",
    "times, going on": "opens|at·9·a.m._sharp|and·5·p.m._in·May",
    "names": "met·J._R._R._Tolkien|and·John·F._Kennedy",
    "names like pronouns": "met·J._I._Smith|and·C._A._R._Hoare",
    "one's": "by·A._(In",
    "a title": "met·Mr._He",
    "etcetera": "eggs,¦etc.‖Then we had milk·etc.|and·so",
}


@pytest.mark.parametrize("text", INITIALS.values(), ids=INITIALS)
def test_initials_end_a_clause_where_a_word_follows_that_is_no_name(text: str):
    assert marked(plain(text)) == text


GOING_ON = {
    "english": "from·Mon. to·Fri.|and·on·Sat.·mornings,¦in·St._Louis,¦Mo.|and·so·on·Thurs.|at·nine",
    "german": "kommt|in·2·Std. an·oder·3·Min._und·4·Sek.·später",
    "french": "lieu,¦p._ex. à·Paris,¦le·dim. matin|et·25·pers. au·plus",
    "spanish": "los·Sres. de·la·Fuente",
    "dutch": "eten·bijv. hier of·resp.·daar",
    "russian": "Цена·3,5·руб. за·кг.‖Дом",
    "polish": "nie·tzw.·prawo",
    "measures": "about·5·lbs._or·2·kg. a·year",
    "after figures": "costs $2,500/mo.|and·£30,000/yr.·now",
    "closed": "a·pair (sing.·two,¦incl.·one)·left",
}


@pytest.mark.parametrize("text", GOING_ON.values(), ids=GOING_ON)
def test_a_short_word_with_a_dot_ends_no_sentence_before_a_small_letter(text: str):
    assert marked(plain(text)) == text


@pytest.mark.parametrize("text", ["We·sang.‖Now·rest", "We·sang.‖5·left", "We·sang.‖“So", "We·sang!‖so·did·you"])
def test_before_anything_else_it_does(text: str):
    assert marked(plain(text)) == text


def test_a_long_one_ends_a_sentence_at_once():
    assert marked("They ate lunch. then we").endswith("lunch. then·we")
    assert marked("They ate dinner. then we").endswith("dinner.‖then·we")
    assert best_cut("They ate dinner. ", 16, 16, final=False) is Cut.END
    assert best_cut("They ate lunch. ", 15, 15, final=False) is None


COUNTED = (
    "No Nos Nr Num Núm Núms Vol Bd Fig Figs Abb Kap pp Pág Págs стр рис кв Art Sec Sect Ch Eq Op Ext kl env "
    "Jan janv Ene Feb févr Mar Mär Apr Abr avr Jun Jul juil Aug Sep Sept Oct Okt Nov Dec Dez déc Dic"
)


@pytest.mark.parametrize("word", COUNTED.split())
def test_an_abbreviation_before_a_number_ends_a_sentence_before_anything_else(word: str):
    assert marked(f"Ask {word}. 5").endswith("._5")
    assert marked(f"Ask {word}. So").endswith(".‖So")


BEFORE_ORDINALS = "am der die das den dem des im ab bis seit vom zum zur und og"


@pytest.mark.parametrize("word", BEFORE_ORDINALS.split())
def test_a_number_with_a_dot_may_be_an_ordinal(word: str):
    assert marked(f"Erst {word} 3. Mai").endswith("3._Mai")
    assert marked(f"Erst {word} 2024. Mai").endswith("2024.‖Mai")


@pytest.mark.parametrize("mark", ",;:–—-…")
def test_a_mark_between_two_numbers_ends_no_clause(mark: str):
    assert marked(f"at 3{mark} 4").endswith(f"3{mark}{'_' if mark == '-' else '·'}4")


TEXTS = {
    "grouped by spaces": "about·10_000_000,¦they·left",
    "decimal comma": "about·3,14|and·more",
    "date": "On·March·3,·2024,¦we·met",
    "enumerated": "about·3,·4,·5·of·them",
    "amounts": "about $5, $10, €7, £8, ¥9, +1, −2·more",
    "difference": "10·-·3|is·seven",
    "range": "from·5·–·7·more",
    "units": "runs·12·km|and·stops|at·9·a.m._sharp",
    "number of a thing": "in·room·5|near·town",
    "telephone": "call (555)_123-4567·now",
    "percent": "some·5·%·more",
    "currency first": "costs €·10·more",
    "ordinal in small letters": "on·the·3._maj·sharp",
    "number at the end": "We have·42.‖So·there",
    "items": "1._Mix·eggs.‖2._Bake·it:¦3._Eat·it",
    "numbers of things": "See·No._5.‖So·Nr._5.‖Heute war (Kap._3.‖Dann·p._5.‖Und",
    "item in brackets": "“We·see:¦1._Mix",
    "year at the end": "since·2024.‖3·more·came",
    "a dot by itself": "._We are·._._._here",
    "ellipses": "Well...¦so·._._._Yes…¦and·no",
    "a quotation goes on": '"Stop!" he·said.‖"Stop!"‖He·said',
    "german quotation": "Sie·sagte:¦„Komm.“‖Dann ging·sie",
    "spaced quotation": "«_Bonjour »_et·oui",
    "bullets": "*_one *_two",
    "a german pronoun": "In·Deutschland regnet es oft im·Herbst.‖Dass es schneit es·nie",
    "a french pronoun": "le·jour où·on·va ensemble si·on·veut·bien",
    "addresses": "see·https://a.b/c.d?e=f,¦or·www.x.org.‖Write·x.y@z.org.‖Bye·now",
    "within quotes": 'He said "the·end" of·it',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_texts(text: str):
    assert marked(plain(text)) == text


BEGINNERS = (
    "and but or nor because since although though while when where which that who whom whose if unless until than "
    "before after as in on at with from for by about into through during without under over between across near "
    "around behind und oder aber denn weil wenn dass als mit bei nach für von vom aus auf während et ou mais parce "
    "qui dans avec pour sur chez depuis pendant y pero porque cuando con para por desde sin entre"
)


@pytest.mark.parametrize("word", BEGINNERS.split())
def test_a_phrase_begins_before_such_a_word(word: str):
    assert marked(f"houses {word} Xy").startswith(f"houses|{word}")
    assert marked(f"houses {word.title()} Xy").startswith(f"houses|{word.title()}")


LEANERS = (
    "a an the of to my your his her its our their this that these those is are was were be very too so not no as in on "
    "at with from for by and or but der die das den dem des ein eine einen einem einer zu le la les un une des du de "
    "el los las una del al que qui où quand si"
)


@pytest.mark.parametrize("word", LEANERS.split())
def test_a_word_that_leans_on_the_next_is_not_parted_from_it(word: str):
    assert marked(f"Houses {word} after").endswith(f"{word}·after")
    assert marked(f"Houses ({word.title()} after").endswith(f"{word.title()}·after")
    assert marked(f"Houses {word} (Xy").endswith(f"{word}·(Xy")


@pytest.mark.parametrize("opener", [*"\"'([{«“‘‹*_`~¿¡#-–—", '("', "**"])
def test_a_word_is_known_behind_what_opens(opener: str):
    assert marked(f"Houses {opener}the after").endswith("the·after")
    assert marked(f"Ask {opener}Dr. Xy").endswith("._Xy")


VERBS = "is are was were has have had can could will would must should may might do does did ist sind est"
SUBJECTS = "I you he she it we they who which what where when how why there here also never er sie es il elle"


@pytest.mark.parametrize("word", VERBS.split())
def test_what_is_said_of_a_subject_begins_with_such_a_word(word: str):
    assert marked(f"Houses {word} xy").startswith(f"Houses|{word}")


@pytest.mark.parametrize("word", SUBJECTS.split())
def test_a_short_subject_is_not_parted_from_its_verb(word: str):
    assert marked(f"xy {word} could go now").endswith(f"{word} could go·now")


LAST = {
    "english": "the·people you live·with.‖Just put your·jacket·on!‖They asked|who it·was",
    "in a sentence": "where they come·from,¦I·think;¦where he·lived:¦there",
    "bracketed": "(where they come·from)|and·the·place|where he·was)",
    "a verb": "see how lovely your·garden·is,¦now",
    "german": "Er kommt|aus·Bonn,¦sie ist dort·aufgewachsen.‖Sie geht·mit.",
    "any other word": "they stood|at·the·old stone·bridge,¦I·saw",
    "a conjunction": "three floors|and,¦in·summer,¦rooms",
    "not alone": "jacket|on·a·hook|or·on-line|who's·here",
}


@pytest.mark.parametrize("text", LAST.values(), ids=LAST)
def test_the_last_word_is_not_left_alone(text: str):
    assert marked(plain(text)) == text


@pytest.mark.parametrize("end", ["", "\n", "\r\n", ".", "!", "?", "…", ",", ";", ":", ")", "。", "，", "؟"])
def test_a_word_is_the_last_one_before_a_stop_and_at_the_end_of_a_line(end: str):
    assert best_cut(f"your coat on{end}", 9, 9, final=True) is Cut.LETTER
    assert best_cut("your coat on", 9, 9, final=False) is None


def test_other_words_are_parted_where_nothing_better_is():
    assert marked("Houses go xy xy") == "Houses go xy·xy"


SPACELESS = {
    "thai": ("เรา ไป", Cut.CLAUSE, Cut.END),
    "lao": ("ເຮົາ ໄປ", Cut.CLAUSE, Cut.END),
    "burmese": ("မြန် မာ", Cut.CLAUSE, Cut.END),
    "khmer": ("ខ្មែរ ក", Cut.CLAUSE, Cut.END),
    "thai, repeated": ("เรา ๆ xy", Cut.SPACE, Cut.SPACE),
    "lao, repeated": ("ເຮົາ ໆ xy", Cut.SPACE, Cut.SPACE),
    "thai and a name": ("เรา Xy xy", Cut.SPACE, Cut.SPACE),
    "a name and thai": ("Xy เรา xy", Cut.SPACE, Cut.SPACE),
}


@pytest.mark.parametrize(("text", "short", "long"), SPACELESS.values(), ids=SPACELESS)
def test_a_space_ends_something_where_words_have_none_between_them(text: str, short: Cut, long: Cut):
    at = text.index(" ")
    assert best_cut(text, at, 39, final=True) is short
    assert best_cut(text, at, 40, final=True) is long
    assert best_cut(text[: at + 1], at, 40, final=False) in {None, long}


INSIDE = {
    "chinese": ("你好", Cut.LETTER),
    "japanese": ("いま", Cut.LETTER),
    "korean": ("안녕", Cut.LETTER),
    "thai": ("กข", Cut.LETTER),
    "written number": ("三十", Cut.NEVER),
    "latin and chinese": ("a好", Cut.NEVER),
    "chinese and latin": ("好a", Cut.NEVER),
    "chinese and a number": ("好3", Cut.NEVER),
    "emoji": ("😀😀", Cut.LETTER),
    "latin": ("ab", Cut.NEVER),
    "after a space": (" 好", Cut.NEVER),
}


@pytest.mark.parametrize(("text", "kind"), INSIDE.values(), ids=INSIDE)
def test_between_two_characters(text: str, kind: Cut):
    assert best_cut(text, 1, 1, final=True) is kind


@pytest.mark.parametrize(
    "number", ["3。14", "3—14", "10：30", "1，234", "١،٢", "3…4", "1、2"]
)  # fmt: skip
def test_a_mark_that_needs_no_space_is_none_between_digits(number: str):
    assert all(best_cut(number, at, 1, final=True) is Cut.NEVER for at in range(1, len(number)))


def test_a_run_that_is_too_long_is_cut_anywhere_but_in_a_character():
    assert best_cut("ab", 1, 959, final=True) is Cut.NEVER
    assert best_cut("ab", 1, 960, final=True) is Cut.LETTER
    assert best_cut("a\u0301", 1, 960, final=True) is Cut.NEVER
    assert marked("1 2 3", 959) == "1_2_3"
    assert marked("1 2 3", 960) == "1·2·3"


ONE = {
    "accent": "好\u0301",
    "spacing vowel sign": "क\u093f",
    "enclosing keycap": "1\u20e3",
    "variation selector": "好\ufe0f",
    "joiner": "👩\u200d",
    "joined": "\u200d👧",
    "tag": "🏴\U000e0067",
    "surrogates": "\ud83d\ude00",
    "half a surrogate": "\ud83d好",
    "virama": "क\u094dष"[1:],
    "thai vowel first": "เก",
    "lao vowel first": "ເກ",
    "thai sara am": "กำ",
    "thai repetition": "กๆ",
    "lao am": "ກຳ",
    "lao repetition": "ກໆ",
    "halfwidth voiced": "ｶﾞ",
    "halfwidth half-voiced": "ﾊﾟ",
    "flag": "🇩🇪",
    "skin tone": "👍🏽",
    "jamo": "\u1112\u1161",
    "jamo and syllable": "\u1100가",
    "old jamo and syllable": "\ua960각",
    "old jamo": "\u1100\ua97c",
    "old vowel": "가\ud7b0",
}


@pytest.mark.parametrize("pair", ONE.values(), ids=ONE)
def test_two_characters_that_are_one_to_a_reader(pair: str):
    assert best_cut(pair, 1, 960, final=True) is Cut.NEVER
