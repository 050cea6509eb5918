"""What stands beside a quantity and is no part of its value: units, currencies, ordinal endings, degree signs."""

from __future__ import annotations

import re
import string
import unicodedata

from tts_bench.tasks.answers.syntax import GREEK_NAMES

_ABBREVIATIONS = frozenset(
    "mm cm dm km in ft yd yds mi nm um mg kg gm gms lb lbs oz ml mL cl dl dL cc gal qt pt tsp tbsp sec secs ms "
    "ns min mins hr hrs wk wks mo mos yr yrs Hz kHz MHz GHz kN Pa kPa MPa atm kJ MJ kW MW kWh mol rad deg mph "
    "kph kmh kmph bps rpm fps ft. USD EUR GBP INR CAD AUD JPY CNY RMB Rs cents cent sq cu amu eV keV MeV GeV "
    "ly pc AU km/h pts pp bits bytes KB MB GB TB".split()
)
_SHORT_WORDS = frozenset(  # that are counted; other runs of up to three letters are products, such as xyz
    "act ad ads age air an ant arm ash ax axe bag bar bat bay bed bee bid bin bit bow box boy bud bug bun bus "
    "cab can cap car cat cob cow cub cup cut day den dog dot ear eel egg elf elk elm eye fan fin fig fly fox gem gum "
    "hat hen hip hit hut ice ink jar jet job key kid kit lap leg lid lip log lot man map mat men mix mop mug net nun "
    "nut oak oar of ox owl pad pan paw pea peg pen pet pie pig pin pit pod pot pup ram rat ray red rib rod row rug run "
    "set sip sky son sow spy sum tab tag tap tea tie tin tip toe ton top toy tub tug use van vat vet way web wig win "
    "won yak yam yen zoo big dry hot low new old wet per the his her its our bbl psi pcs kgs ozs ohm cal erg amp lux "
    "dyn".split()
)
_PAIRS = frozenset(  # units of single letters; other quotients of letters are of variables, such as 2A/h
    "m/s m/h g/L g/l g/s J/K J/s J/g N/m N/C W/m L/s L/h l/s l/h C/s K/s".split()
)
HAN = r"\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af"  # Chinese, Japanese and Korean, where one character may be a word
HAN_NUMBERS = (  # half, ten to a billion, "or more" and the like: they change the value of what they follow
    r"\u534a\u5341\u767e\u5343\u4e07\u842c\u4ebf\u5104\u5146\u591a\u4f59\u9918\u4ee5\u6216\u548c"
    r"\uc2ed\ubc31\ucc9c\ub9cc\uc5b5\uc870\ubc18"
)
_LETTERS = frozenset("mgsLlhdVWNJKCFATHPDB")  # units of one letter, where marked as text
MONTHS = "january february march april may june july august september october november december".split()
SHORT_MONTHS = [*(month[:3] for month in MONTHS), "sept"]
_NO_UNIT = frozenset(  # words after a quantity that change its value or begin another answer
    "and or to base mod modulo hundred thousand million billion trillion bn mille tens dozen score gross half "
    "halves third "
    "thirds quarter quarters fourth fourths fifth fifths sixth sixths seventh sevenths eighth eighths ninth "
    "ninths tenth tenths twelfth twelfths hundredth hundredths thousandth thousandths squared cubed factorial "
    "pi sqrt sin cos tan cot sec csc log ln exp percent if for when where with not plus minus over "
    "divided remainder noon midnight infinity am pm a.m p.m choose hundreds thousands millions billions "
    "trillions dozens is are was equals lakh lakhs crore crores grand first below".split()
) | frozenset((*GREEK_NAMES, *MONTHS, *SHORT_MONTHS))
_NUMERAL = re.compile(
    r"[-+]?\s*(?:\d{1,3}(?:[ ,]\d{3})+(?!\d)|\d*\.?\d+(?:[eE][-+]?\d+)?)?\.?\s*"
    r"(?:\\frac\s*(?:\{\s*\d+\s*\}|\d)\s*(?:\{\s*\d+\s*\}|\d)|(?<=\d) ?/ ?\d+|(?<=\d) \d+ ?/ ?\d+)?"
    r"(?:\s*(?:\\times|\\cdot|x) ?10\s*\^\s*(?:\{\s*-?\d+\s*\}|-?\d+))?\s*%?"
)
_POWER = r"(?:\s*\^\s*(?:\{\s*-?\d\s*\}|-?\d))?"
_PIECE = re.compile(
    rf"\s*(?P<join>/|\\cdot(?![A-Za-z])|\*|-|(?<=[a-z}}])\.(?=[a-z\\]))?\s*"
    rf"(?:\\text\{{(?P<text>[^{{}}]*)\}}|(?P<bare>[A-Za-z]+|[{HAN}]+)\.?"
    rf"|\^\\circ ?(?P<degree>[CFK](?![A-Za-z]))?){_POWER}\s*"
)
_AREA = re.compile(r"m\s*\^\s*(?:\{\s*[23]\s*\}|[23])")  # 3600 m^2 is an area, 3600m^2 a product
_TRIGONOMETRY = re.compile(r"sin|cos|tan|cot|sec|csc")
_GREEK_UNIT = re.compile(r"\\mu\s*(?:\\text\{\s*)?([msgLlFA])\}?")
_UNIT_FRACTION = re.compile(
    rf"\\frac\s*\{{\s*\\text\{{([^{{}}]*)\}}{_POWER}\s*\}}\s*\{{\s*\\text\{{([^{{}}]*)\}}{_POWER}\s*\}}"
)
_LAST = re.compile(
    rf"(?P<head>.*?)"
    rf"(?P<piece>\s*/?\s*\\text\{{[^{{}}]*\}}{_POWER}|\s+/?\s*[A-Za-z]{{2,}}\.?{_POWER}|\^\\circ ?[CFK]?)\s*",
    re.DOTALL,
)
_MONEY = re.compile(
    r"(?:(?:\b|\\text\{\s*)(?:US|USD|CA|AU|HK|NZ|S|C|A|R)\s*\}?\s*)?\\?\$|\bRs\.?(?=\s*\d)|\\(?:pounds|euro|yen|cent|(?:math|text)dollar|texteuro|textsterling)(?![A-Za-z])(?:\{\})?"
)
_CODE = re.compile(
    r"^(?P<sign>[-+]?)\s*(?:\\text\{\s*)?(?:USD|EUR|GBP|INR|CAD|AUD|NZD|JPY|CNY|CHF|SEK|NOK|KRW|SGD|HKD|RMB|Rs\.?)(?:\s*\})?\s*(?=\d)"
)
_ORDINAL_TEXT = re.compile(r"(?<=\d)\s*\\text\{\s*(?:st|nd|rd|th)\s+")
_ORDINAL = re.compile(
    r"(?<=\d)(?:\}\s*(?=\^))?\s*\^?\s*(?:\{\s*(?:\\text\{\s*)?(?:st|nd|rd|th)\s*\}(?:\s*\})?"
    r"|\\text\{\s*(?:st|nd|rd|th)\s*\}|(?:\\text\{)?(?:st|nd|rd|th)(?=\s|$|\}))"
)


def without_currency(spelled: str) -> str:
    """The answer without dollar signs, of money or of LaTeX, and all other signs and codes of money."""
    text = _MONEY.sub(" ", spelled)
    if not text.isascii():
        text = "".join(" " if unicodedata.category(character) == "Sc" else character for character in text)
    return " ".join(_CODE.sub(lambda match: match["sign"], text.strip()).split())


def without_units(spelled: str) -> str:
    r"""The quantity without the units after it, compound ones as `m/s` or `\text{ square feet}` too.

    A letter that is not marked as text is a variable, and 4m is not 4, unless it is in a compound unit or stands apart
    with the power of an area or a volume. Words of two
    letters and more that are no unit of an abbreviation count as one after a numeral: 5 apples.
    """
    text = spelled
    if re.match(r"[-\d]", text):
        text = _GREEK_UNIT.sub(r"\\text{u\1}", text).replace(r"\Omega", r"\text{ohm}")
    text = _UNIT_FRACTION.sub(r"\\text{\1/\2}", _ORDINAL.sub("", _ORDINAL_TEXT.sub(r" \\text{", text))).strip()
    numeral = _NUMERAL.match(text)
    if numeral and re.search(r"\d", numeral[0]):
        return (
            numeral[0].strip() if _are_units(text[numeral.end() :], apart=numeral[0].endswith(" ")) else _shorter(text)
        )
    return _shorter(text)


def _are_units(tail: str, *, apart: bool) -> bool:
    """Whether nothing but units stands after a numeral. Letters alone are units beside others: the s of m/s."""
    pieces, place = [], 0
    while place < len(tail):
        piece = _PIECE.match(tail, place)
        if not piece:
            return False
        pieces.append(piece)
        place = piece.end()
    if not pieces or not _begins(pieces[0], apart=apart):
        return False
    joined = any(piece["join"] == "/" for piece in pieces)
    if all(len(piece["bare"] or "") == 1 for piece in pieces) and len(pieces) > 1:
        joined = "".join((piece["join"] or "") + piece["bare"] for piece in pieces) in _PAIRS
    first = pieces[0]["bare"] or ""
    long = len(first) > 3 or first in _ABBREVIATIONS
    for piece in pieces:
        word = piece["bare"]
        if piece["text"] is not None and not is_unit(piece["text"], letters=True):
            return False
        parted = apart or piece is not pieces[0] or piece["join"] == "-"
        if word in ("squared", "cubed") and piece is not pieces[0]:  # feet squared
            continue
        if word == "a" and piece not in (pieces[0], pieces[-1]):  # 18 dollars a day
            continue
        if not word or (parted and _AREA.fullmatch(piece[0].strip())):
            continue
        after = long and piece is not pieces[0] and piece["join"] is None
        if not _fits(word, joined=joined, apart=parted, after=after):
            return False
    return True


def _begins(first: re.Match[str], *, apart: bool) -> bool:
    """Whether units may begin so: with a slash, `5/hour`, a hyphen before a word, `12-inch`, or no sign at all."""
    if first["join"] == "-":
        return not apart and first[0].startswith("-") and first[0][1:2].isalpha()
    return first["join"] in (None, "/")


def _fits(word: str, *, joined: bool, apart: bool, after: bool) -> bool:
    """Whether a bare word is a unit: right after a numeral only one that is known, as 3xy is a product.

    A short word may be any `after` a long one: 5 years ago.
    """
    if not word.isascii():
        return is_unit(word, letters=False)
    if len(word) == 1:
        return joined and word in _LETTERS
    if word in _ABBREVIATIONS:
        return True
    if len(word) <= 3 or (len(word) == 4 and word.isupper()):
        known = after or word.lower() in _SHORT_WORDS or (len(word) == 3 and word.istitle())
        return apart and known and is_unit(word, letters=False)
    return word.lower() not in string.ascii_lowercase and is_unit(word, letters=False)  # 3 abcd is a product too


def _shorter(text: str) -> str:
    """An expression without the units at its end: those marked as text, and known abbreviations after a space."""
    while last := _LAST.fullmatch(text):
        piece = last["piece"].strip().lstrip("/").strip()
        word = re.match(r"[A-Za-z]+", piece)
        marked = re.match(r"\\text\{([^{}]*)\}", piece)
        fits = (
            piece.startswith("^")
            or (word and word[0] in _ABBREVIATIONS)
            or (marked and is_unit(marked[1], letters=True))
        )
        in_degrees = piece.startswith("^") and _TRIGONOMETRY.search(last["head"])
        if (
            in_degrees
            or not fits
            or not re.search(r"[\w)}\]%|]$", last["head"].strip())
            or last["head"].endswith(("{", "^", "_"))
        ):
            break
        text = last["head"].strip()
    return text


def is_unit(text: str, *, letters: bool) -> bool:
    r"""Whether a text is a unit, of several words too; `letters`: one letter may be one, as in `4\text{ m}`."""
    words = [word.strip(".,") for word in re.split(r"[\s/^*-]+", text.strip()) if word.strip(".,%0123456789")]
    if not words:
        return not text.strip()
    for word in words:
        plain = word.strip("()")
        if re.fullmatch(f"[{HAN}]+", plain):
            if re.search(f"[{HAN_NUMBERS}]", plain):
                return False
        elif len(plain) == 1:
            if not (letters and plain in _LETTERS):
                return False
        elif len(words) > 1 and plain in ("squared", "cubed"):  # feet squared
            continue
        elif not re.fullmatch(r"[A-Za-z\u00c0-\u024f']+\d?", plain) or plain.lower() in _NO_UNIT:
            return False
    if "point" in words[:-1]:  # five point five
        return False
    return not (re.search(r"\d", text) and not re.search(r"[A-Za-z]\^?-?[1-3]\b", text))
