"""Answers in words: numbers that are spelled or scaled, times of day, dates, choice letters, names."""

from __future__ import annotations

import math
import re
import string
from fractions import Fraction

from tts_bench.tasks.answers.syntax import GREEK_NAMES
from tts_bench.tasks.answers.units import MONTHS, SHORT_MONTHS, is_unit

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = {
    "dozen": 12, "score": 20, "gross": 144, "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9,
    "trillion": 10**12, "lakh": 10**5, "crore": 10**7,
}  # fmt: skip
_PARTS = {
    "half": 2, "halve": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12, "sixteenth": 16, "twentieth": 20, "hundredth": 10**2,
    "thousandth": 10**3, "millionth": 10**6,
}  # fmt: skip
_POWERS = {"squared": 2, "cubed": 3}

_SCALED = re.compile(r"(?P<number>(?:negative )?[-+]?\d[\d,]*(?:\.\d+)?|[-+]?\.\d+)\s*(?P<words>[A-Za-z][A-Za-z -]*)")
_AND_A_PART = re.compile(
    r"(?P<whole>\d+) and (?P<parts>a|one|two|three|four) (?P<part>half|third|quarter|fourth|fifth)s?"
)
_NEGATIVE = re.compile(r"(?:negative|minus) (?P<number>\d+(?:\.\d+)?)")
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?(?::(?P<second>\d{2}))?\s*(?P<half>[ap])\.?\s?m\.?|"
    r"(?P<hour24>\d{1,2}):(?P<minute24>\d{2})(?::(?P<second24>\d{2}))?|(?P<oclock>\d{1,2}) ?o'? ?clock",
    re.IGNORECASE,
)
_TIME_OF_DAY = re.compile(r"(?:in the (?:morning|afternoon|evening)|at night)$")
_MONTH = rf"(?P<month>(?:{'|'.join((*MONTHS, *SHORT_MONTHS))})\b\.?)"
_DAY = r"(?P<day>\d{1,2})(?: ?\^?\{? ?(?:st|nd|rd|th) ?\}?)?"
_DATES = tuple(
    re.compile(rf"(?:the )?{pattern}(?:,? (?P<year>\d{{4}}))?")
    for pattern in (rf"{_MONTH} (?:the )?{_DAY}", rf"{_DAY} (?:of )?{_MONTH}")
)
_NOON = {"noon": "12:00 pm", "12 noon": "12:00 pm", "midnight": "12:00 am", "12 midnight": "12:00 am"}
_CHOICE = re.compile(
    r"\(\s*(?P<brackets>[A-Za-z])\s*\)[.:]?|\(\s*(?P<texted>[A-Z])\s*\)\s*[.:]?\s(?![-+*/^=<>,]|and\b|or\b|\(\s*[A-Z]\s*\)).*"
    r"|(?P<closed>[A-J])\s*\)|(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s+\(?(?P<named>[A-Z])\)?|(?P<letter>[A-Z])\s*[.):](?:\s.*)?",
    re.DOTALL,
)
_SHORT_WORDS = frozenset(
    "yes no odd even may jan feb mar apr jun jul aug sep oct nov dec sun mon tue wed thu fri sat red blue one "
    "two six ten true all none cat dog".split()
)
_BARE_WORDS = re.compile(r"[A-Za-z0-9 .,'!?:/&()-]+")
_FUNCTION = re.compile(
    r"(?<![A-Za-z])(?:(?:arc)?(?:sin|cos|tan|cot|sec|csc)h?|sqrt|ln|log|exp|infty|pi|floor(?=\())(?![A-Za-z])"
)
_HYPHEN = re.compile(r"(?<=[a-z])-(?=[A-Za-z])|(?<=\w)-(?=[a-z]{2})")  # of one word; other minus signs are operations
_TOKEN = re.compile(r"\d*\.\d+|[^\W_]+(?:'[^\W_]+)?|[-+*/^=<>]")
_MONEY_SCALE = re.compile(
    r"(?P<sign>[-+]?)(?:\\?\$|[\u20ac\u00a3\u00a5\u20b9])\s*(?P<amount>-?\d[\d,]*(?:\.\d+)?)\s*"
    r"(?:\\text\{\s*)?(?P<scale>[KMBTkmbt]|[mb]n)\s*\}?"
)
_MONEY_SCALES = {"k": "thousand", "m": "million", "b": "billion", "t": "trillion"}
_SETS = {
    r"\mathbb{R}": "(-oo, oo)", r"\mathbb{R}^+": "(0, oo)", r"\mathbb{R}^{+}": "(0, oo)", r"\mathbb{R}_{>0}": "(0, oo)",
    r"\mathbb{R}_{\ge 0}": "[0, oo)", r"\Bbb{R}": "(-oo, oo)", r"\emptyset": "{}",
}  # fmt: skip
_REALS = re.compile(
    r"(?:all |any |every )?(?:(?P<sign>(?:non-?)?(?:positive|negative)|non-?zero) )?real(?:s| numbers?| values?)"
    r"(?: (?:of )?[a-z])?"
)
_SIGNS = {
    "positive": "(0, oo)", "negative": "(-oo, 0)", "nonnegative": "[0, oo)", "nonpositive": "(-oo, 0]",
    "nonzero": "(-oo, 0) U (0, oo)",
}  # fmt: skip
_NO_SOLUTION = re.compile(r"no (?:real )?solutions?")
_INFINITE = re.compile(r"(?:positive |(?P<minus>negative ))?infinity")


def value(text: str) -> Fraction | None:
    """The number that words spell or scale: `3 hundred`, `two thirds`, `5 million`, `2 squared`; else None."""
    spelled = re.sub(r"^-\s*(?=[a-z])", "minus ", re.sub(r"(?<=\w)-(?=[a-z])", " ", text.casefold().strip()))
    if mixed := _AND_A_PART.fullmatch(spelled):
        parts = 1 if mixed["parts"] == "a" else _ONES.index(mixed["parts"])
        return Fraction(mixed["whole"]) + Fraction(parts, _PARTS[mixed["part"]])
    if signed := _NEGATIVE.fullmatch(spelled):
        return -Fraction(signed["number"])
    match = _SCALED.fullmatch(spelled)
    if match:
        return _scaled(Fraction(match["number"].replace(",", "")), match["words"].split())
    if spelled == "half a dozen":
        return Fraction(6)
    if not spelled.replace(" ", "").isalpha():
        return None
    return _spelled(spelled.split())


def with_unit(text: str) -> Fraction | None:
    """The number of a text such as `twenty-five apples`; None where no number is spelled, or it goes on otherwise."""
    words = text.split()
    for end in range(len(words) - 1, 0, -1):
        number = value(" ".join(words[:end]))
        if number is not None and re.search("[a-z]", words[end - 1]) and words[end - 1] not in ("a", *_POWERS):
            return number if _ends(words[end:]) or words[end:] == [f"({number})"] else None
    return None


def _ends(rest: list[str]) -> bool:
    """Whether a number ends before these words: `or six` and `feet two inches` go on with another one."""
    unit = [word for word in rest if word not in ("a", "%")]
    return (not unit or is_unit(" ".join(unit), letters=False)) and all(value(word) is None for word in unit)


def _scaled(number: Fraction, words: list[str]) -> Fraction | None:
    """A numeral times the scales after it; a unit may follow: `5 million dollars`."""
    for place, word in enumerate(words):
        one = word.removesuffix("s") if word not in _POWERS else word
        if one in _SCALES:
            number *= _SCALES[one]
        elif one in _PARTS and place == 0:
            number /= _PARTS[one]
        elif word in _POWERS and place == 0 and len(words) == 1:
            number = Fraction(number) ** _POWERS[word]
        elif word == "factorial" and place == 0 and number.denominator == 1 and 0 <= number < 100:
            number = Fraction(math.factorial(int(number)))
        else:
            return number if place and _ends(words[place:]) else None
    return number


def _spelled(words: list[str]) -> Fraction | None:
    """The number that words spell, with a fraction after it: `minus two`, `two thirds`, `one and a half`."""
    if words[:1] in (["minus"], ["negative"]):
        positive = _spelled(words[1:])
        return None if positive is None else -positive
    *before, last = words or [""]
    below = _PARTS.get(last.removesuffix("s"))
    if below is None:
        return _whole(words)
    if not before:
        return Fraction(1, below) if last == "half" else None
    place = len(before) - 1 - before[::-1].index("and") if "and" in before else -1
    whole = _whole(before[:place]) if place >= 0 else Fraction(0)
    parts = Fraction(1) if before[place + 1 :] in ([], ["a"]) else _whole(before[place + 1 :])
    return None if whole is None or parts is None else whole + parts / below


def _whole(words: list[str]) -> Fraction | None:
    """A whole number. Each word fills places that are free: `two three` is no number, and `two and three` are two."""
    total, current, scale = Fraction(0), Fraction(0), 0
    for place, word in enumerate(words):
        one, found = word.removesuffix("s"), place > 0
        if word in ("a", "an") and not found and len(words) > 1:
            current = Fraction(1)
        elif word in _ONES or word in _TENS:
            number = _ONES.index(word) if word in _ONES else 10 * (_TENS.index(word) + 2)
            if current % (10 if 0 < number < 10 else 100) or current % 100 == 10 or (found and not number):
                return None
            current, scale = current + number, 0
        elif one in _SCALES and (found or word == one):
            scale = _SCALES[one]
            current = (current or Fraction(1)) * scale
            if scale >= 1000:
                total, current = total + current, Fraction(0)
        elif word != "and" or not scale or place == len(words) - 1:
            return None
    return total + current if words else None


def clock(text: str) -> str | None:
    """A time of day in one spelling, `4:30 pm`, or `16:30` without its half; else None."""
    spelled = " ".join(text.split()).strip(" .")
    spelled = _TIME_OF_DAY.sub(lambda match: "am" if "morning" in match[0] else "pm", spelled)
    if spelled.casefold() in _NOON:
        return _NOON[spelled.casefold()]
    match = _CLOCK.fullmatch(spelled) or _CLOCK.fullmatch(spelled + ".")
    if not match:
        return None
    hour = int(match["hour"] or match["hour24"] or match["oclock"])
    minute = match["minute"] or match["minute24"] or "00"
    second = match["second"] or match["second24"]
    if hour > 24 or int(minute) > 59 or (hour == 24 and int(minute)):
        return None
    half = f" {match['half'].lower()}m" if match["half"] else ""
    if not half and (hour == 24 or hour == int(minute) == 0):
        hour, half = 12, " am"
    elif not half and hour > 12:
        hour, half = hour - 12, " pm"
    return f"{hour}:{minute}{f':{second}' if second else ''}{half}"


def date(text: str) -> str | None:
    """A day of the year in one spelling, `june 20` or `june 20 2020`; else None."""
    match = next(filter(None, (pattern.fullmatch(text.casefold().strip(" .")) for pattern in _DATES)), None)
    if not match or not 1 <= int(match["day"]) <= 31:
        return None
    month = next(name for name in MONTHS if name.startswith(match["month"][:3]))
    return f"{month} {int(match['day'])}{' ' + match['year'] if match['year'] else ''}"


def choice(text: str) -> str | None:
    """The letter of one answer among several, with its text or in brackets: `(C)`, `C. 12`, `(C) 12`; else None."""
    match = _CHOICE.fullmatch(text.strip())
    if not match:
        return None
    letter = next(letter for letter in match.groups() if letter)
    return letter.upper() if letter.upper() <= "J" else None


def set_of_numbers(text: str) -> str | None:
    """The class of a set of numbers by its name, or of infinity: `all real numbers`, `no solution`; else None."""
    spelled = text.casefold().strip(" .")
    if _NO_SOLUTION.fullmatch(spelled):
        return "{}"
    if infinite := _INFINITE.fullmatch(spelled):
        return "-oo" if infinite["minus"] else "oo"
    if reals := _REALS.fullmatch(spelled):
        return _SIGNS[reals["sign"].replace("-", "")] if reals["sign"] else "(-oo, oo)"
    return _SETS.get(text.strip(" ."))


def is_word(run: str) -> bool:
    """Whether a run of letters is a word or a name, rather than a product of variables such as `xy`.

    Runs of capitals are names of points or initials; lower case runs of up to three letters are products.
    """
    if len(run) < 2:
        return False
    return len(run) > 3 or run.casefold() in _SHORT_WORDS or run.isupper() or (len(run) == 3 and run.istitle())


def scaled_money(text: str) -> str:
    r"""`\$5K` as 5 thousand: after money K, M, B and T are no units and no variables."""
    match = _MONEY_SCALE.fullmatch(text)
    return f"{match['sign']}{match['amount']} {_MONEY_SCALES[match['scale'][0].lower()]}" if match else text


def are_words(text: str, flat: str) -> bool:
    """Whether words stand here and no formula: every run of letters is a word, or the whole was marked as text."""
    marked = re.fullmatch(r"(?:\s*\\text\{[^{}]*\}\s*)+", text) is not None
    if re.fullmatch(r"[A-Z]+\d+", flat):
        return True
    if not _BARE_WORDS.fullmatch(flat):
        return marked and not re.fullmatch(r"[^A-Za-z]*|[a-z]", flat)
    if flat[:1] in ("-", "+"):
        return False
    runs = re.findall("[A-Za-z]+", flat)
    if marked and re.search(r"[A-Za-z]\d|\d[A-Za-z]", flat) and any(run.isupper() for run in runs):
        return True
    if any(is_word(run) and run not in GREEK_NAMES and run not in string.ascii_lowercase for run in runs):
        return not _FUNCTION.search(flat)
    return marked and len(runs) > 1


def folded(text: str) -> str:
    """Words in lower case, without punctuation and an article before them; signs of operations stay."""
    return re.sub(r"^(?:an?|the) (?=\w)", "", " ".join(_TOKEN.findall(_HYPHEN.sub(" ", text))).casefold())
