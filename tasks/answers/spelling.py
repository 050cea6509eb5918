"""Answers as strings: one spelling for what LaTeX, Unicode and Markdown write in many ways. No meaning is read here."""

from __future__ import annotations

import re
import unicodedata

_GREEK = {
    chr(code): "\\" + unicodedata.name(chr(code)).split()[-1].lower().replace("lamda", "lambda") + " "
    for code in range(0x3B1, 0x3CA)
}
_CHARACTERS = str.maketrans(
    {
        **_GREEK,
        **dict.fromkeys("\N{MINUS SIGN}\N{EN DASH}\N{EM DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}", "-"),
        **dict.fromkeys("\N{FRACTION SLASH}\N{DIVISION SLASH}\N{DIVISION SIGN}", "/"),
        **dict.fromkeys("\N{MIDDLE DOT}\N{DOT OPERATOR}\N{BULLET OPERATOR}", r"\cdot "),
        **dict.fromkeys("\N{RIGHT SINGLE QUOTATION MARK}\N{PRIME}", "'"),
        **dict.fromkeys("\N{EMPTY SET}\N{LATIN CAPITAL LETTER O WITH STROKE}", r"\emptyset "),
        **dict.fromkeys("\N{ZERO WIDTH SPACE}\N{WORD JOINER}\N{ZERO WIDTH NO-BREAK SPACE}\N{SOFT HYPHEN}", ""),
        "\N{MULTIPLICATION SIGN}": r"\times ",
        "\N{RATIO}": ":",
        **dict.fromkeys("\N{DEGREE SIGN}\N{RING ABOVE}\N{MASCULINE ORDINAL INDICATOR}", r"^\circ "),
        "\N{DEGREE CELSIUS}": r"^\circ C",
        "\N{DEGREE FAHRENHEIT}": r"^\circ F",
        "\N{INFINITY}": r"\infty ",
        "\N{SQUARE ROOT}": r"\sqrt ",
        "\N{CUBE ROOT}": r"\sqrt[3] ",
        "\N{FOURTH ROOT}": r"\sqrt[4] ",
        "\N{IDEOGRAPHIC FULL STOP}": ".",
        "\N{IDEOGRAPHIC COMMA}": ",",
        "\N{LESS-THAN OR EQUAL TO}": r"\le ",
        "\N{GREATER-THAN OR EQUAL TO}": r"\ge ",
        "\N{NOT EQUAL TO}": r"\ne ",
        "\N{ALMOST EQUAL TO}": r"\approx ",
        "\N{ELEMENT OF}": r"\in ",
        "\N{NOT AN ELEMENT OF}": r"\notin ",
        "\N{INTERSECTION}": r"\cap ",
        "\N{SET MINUS}": r"\setminus ",
        "\N{UNION}": r"\cup ",
        "\N{PLUS-MINUS SIGN}": r"\pm ",
        "\N{DOUBLE-STRUCK CAPITAL R}": r"\mathbb{R}",
        "\N{MATHEMATICAL LEFT ANGLE BRACKET}": r"\langle ",
        "\N{MATHEMATICAL RIGHT ANGLE BRACKET}": r"\rangle ",
    }
)
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_SCRIPTS = re.compile(f"(?P<up>[{''.join(_RAISED)}]+)|(?P<down>[{''.join(_LOWERED)}]+)")
_VULGAR = re.compile("[\u00bc-\u00be\u2150-\u215e]")  # ½ and its like

_STYLES = (  # commands that show how, not what
    r"displaystyle|textstyle|scriptstyle|left|right|middle|limits|[bB]igg?[lrm]?|boxed|fbox|tiny|scriptsize|footnotesize"
    r"|small|normalsize|[lL]arge|LARGE|[hH]uge|bfseries|itshape|bf|it|rm|sf|tt|em|mathsf|mathtt|mathbf|mathit|mathcal|mathnormal"
    r"|boldsymbol|bm|pmb|emph|underline|uline|cancel|underbrace|overbrace|checkmark|blacksquare|qed|ensuremath|nonumber|mathop|color\{[^{}]*\}|textcolor\{[^{}]*\}"
    r"|(?:[hv]?phantom|[hv]space\*?|vskip|mathstrut)\{[^{}]*\}|(?:begin|end)\{equation\*?\}|colorbox\{[^{}]*\}|label\{[^{}]*\}"
)
_DROPPED = re.compile(
    rf"\\!|\\(?:{_STYLES})(?:(?<=\}})|(?![A-Za-z]))\*?|(?<!\\)\\[()\[\]]|(?<!\\)&(?!=)"
    r"|(?<![\w)}])\*\*|\*\*(?![\w({\-\\])|(?<!\w)__|__(?!\w)|`"  # of Markdown; x**2 is a power
)
_CELLS = re.compile(r"\\begin|&")
_TEXT = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|up|md|normal|sc)?|[mh]box|mathrm|operatorname\*?)(?![A-Za-z])\s*\{"
    r"|\\math(?:bf|it)\s*\{(?=\s*[A-Za-z]{2,}\s*\})"  # other bold letters are variables
)
_FORMULA = re.compile(r"\\[A-Za-z]|[=+]|[a-z]\^\{?[n\d]\}?[-+]|\d[A-Za-z]\^")
_SPACES = re.compile(r"(?P<row>\\\\)|\\[,;:> /]|\\(?:q?quad|thinspace|enspace|space|hfill)(?![A-Za-z])|~|\s")
_BACKSLASH = re.compile(r"(\\mathbb\s*(?:\{R\}|R)) ?\\ (\\?\{)")  # of sets, which elsewhere is a space
_THIN = re.compile(
    r"(?<=\d)(?:\\[,!;: ]|,\s?\\!\s?|\{,\}|'|[\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}\N{NO-BREAK SPACE}])"
    r"(?=\d{3}(?!\d))"
)
_NAMES = tuple(
    (re.compile(pattern), spelling)
    for pattern, spelling in (
        (r"\\(?:[dtcsx]|nice)frac(?![A-Za-z])", r"\\frac"),
        (r"\\[dt]binom(?![A-Za-z])", r"\\binom"),
        (r"\\(?:leqslant|leqq|leq|le)(?![A-Za-z])|<=|\N{LESS-THAN OR SLANTED EQUAL TO}", r"\\le "),
        (r"\\(?:geqslant|geqq|geq|ge)(?![A-Za-z])|>=|\N{GREATER-THAN OR SLANTED EQUAL TO}", r"\\ge "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\(?:neq|ne)(?![A-Za-z])|!=|\\not\s*=", r"\\ne "),
        (r"\+ ?/ ?-", r"\\pm "),
        (r"\\big(cup|cap)(?![A-Za-z])", r"\\\1"),
        (r"\\not\s*\\in(?![A-Za-z])", r"\\notin "),
        (r"\\(?:varnothing|O)(?![A-Za-z])", r"\\emptyset "),
        (r"\\\{|\\lbrace(?![A-Za-z])", r"\\lbrace "),
        (r"\\\}|\\rbrace(?![A-Za-z])", r"\\rbrace "),
        (r"\\[lr]?vert(?![A-Za-z])", "|"),
        (r"\\(?:%|percent(?![A-Za-z]))|\\text\{\s*(?:\\?%|per ?cents?)\s*\}|\bper ?cents?\b", "%"),
        (r"\\var(epsilon|phi|theta|rho|sigma|pi)(?![A-Za-z])", r"\\\1"),
        (r"\^\s*\{\s*\\?(?:circ|degrees?)\s*\}|\^?\s*\\(?:circ|degrees?)(?![A-Za-z])", r"^\\circ "),
        (r"\{([^{}]*)\\over(?![A-Za-z])([^{}]*)\}|^(.*)\\over(?![A-Za-z])(.*)$", r"\\frac{\1\3}{\2\4}"),
        (r"\{([^{}]*)\\choose(?![A-Za-z])([^{}]*)\}|^(.*)\\choose(?![A-Za-z])(.*)$", r"\\binom{\1\3}{\2\4}"),
        (r"\\(?:mathbb|Bbb)\s*\{?([A-Z])\}?", r"\\mathbb{\1}"),
        (r"(?<=\\\\) ?\[[^\]]*\]", ""),
        (r"\\+\s*$", ""),
        (r"(?<=[)\]]) ?U ?(?=[(\[])", r"\\cup "),  # of intervals
        (r"\{([:;.])\}", r"\1"),
        (r"\\colon(?![A-Za-z])", ":"),
        (r"\\(?:[lc]dots|dots[bcimo])(?![A-Za-z])", r"\\dots "),
        (r"\\imath(?![A-Za-z])", "i "),
        (r"\*\*", "^"),
        (r"(?<=\d) [xX] (?=\d)|(?<=\d)[xX](?=10\s*\^)", r" \\times "),
        (
            r"(?:\\[pb]?mod|\\text\{ ?mod ?\})\s*\{?\s*(\d+)\s*\}?|\(\s*(?:\\text\{\s*)?mod\s*\}?\s*(\d+)\s*\}?\s*\)",
            r"\\pmod{\1\2}",
        ),
        (r"\\text\{\s*\}", " "),
        (r"\{\s*\}", ""),
        (r" +", " "),
    )
)

_FACING = re.compile(r"(?P<before>^|\\cup ?|\\in ?)(?P<open>[\[\]])(?P<ends>[^\[\]()]*[,;][^\[\]()]*)(?P<close>[\[\]])")


def plain(answer: str) -> str:
    r"""The answer without layout, style and markup. Words stand in `\text{...}`, sets in `\lbrace ... \rbrace`."""
    text = _undoubled(_characters(answer))
    text = _THIN.sub("", text)
    text = _flat(_TEXT.sub(lambda _: r"\text{", text))
    text = _BACKSLASH.sub(r"\1\\setminus \2", text)
    text = _SPACES.sub(lambda match: match["row"] or " ", text)
    cells = _CELLS.search(text) is not None
    text = _DROPPED.sub(lambda match: match[0] if cells and match[0] == "&" else _kept_space(match[0]), text)
    for pattern, spelling in _NAMES:
        text = pattern.sub(spelling, text)
    return _unwrapped(text.strip())


def _kept_space(dropped: str) -> str:
    """A command that is dropped may have parted its neighbours: `\\large x` keeps its space anyway, `a\\bf b` too."""
    return " " if dropped.startswith("\\") and dropped[-1:].isalpha() else ""


def _characters(text: str) -> str:
    text = _VULGAR.sub(lambda match: _fraction(match[0]), text)
    text = _SCRIPTS.sub(
        lambda match: (
            "^{" + "".join(map(_RAISED.get, match["up"])) + "}"  # type: ignore[arg-type]
            if match["up"]
            else "_{" + "".join(map(_LOWERED.get, match["down"])) + "}"  # type: ignore[arg-type]
        ),
        text,
    )
    text = text.translate(_CHARACTERS)
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _fraction(character: str) -> str:
    top, _, below = unicodedata.normalize("NFKC", character).partition("\N{FRACTION SLASH}")
    return rf"\frac{{{top}}}{{{below}}}" if below else character


def _undoubled(text: str) -> str:
    r"""Text that was escaped for JSON has every backslash twice: `\\frac{1}{2}`. Rows of a matrix end in two."""
    if r"\\begin" in text or (r"\begin" not in text and re.search(r"\\\\[A-Za-z,;!{}$%]", text)):
        return text.replace("\\\\", "\\")
    return text


def _unwrapped(text: str) -> str:
    """Without braces round the whole, and full stops and commas at the end."""
    while True:
        shorter = text.strip().rstrip(".,;:").rstrip() if not text.endswith("...") else text
        if shorter.endswith("$") and not shorter.endswith("\\$"):  # dollars of a formula, with its full stop inside
            shorter = shorter[:-1].removeprefix("$")
        if shorter.startswith("{") and closing(shorter, 0) == len(shorter) - 1:
            shorter = shorter[1:-1]
        if shorter == text:
            return text
        text = shorter


def closing(text: str, start: int) -> int:
    """Where the bracket that opens at `start` is closed by one of any kind; -1 where it is not."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] in "([{") - (text[place] in ")]}")
        if depth == 0:
            return place
    return -1


def _flat(text: str) -> str:
    r"""`\text{km\,h^{-1}}` as `\text{km h^-1}`: what is marked as text holds no braces."""
    start = 0
    while (start := text.find(r"\text{", start)) >= 0:
        end = _closing_brace(text, start + 5)
        if end < 0:
            return text
        inner = re.sub(r"\\(?:cdot|times|ast|text|,)(?![A-Za-z])", " ", text[start + 6 : end])
        mark = "" if _FORMULA.search(inner) else r"\text"  # a formula in bold is no text
        inner = inner if not mark else re.sub(r"[{}]", "", inner)
        text = f"{text[:start]}{mark}{{{inner}}}{text[end + 1 :]}"
        start += 6
    return text


def _closing_brace(text: str, start: int) -> int:
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return place
    return -1


def without_text(text: str) -> str:
    r"""The answer with the contents of `\text{...}` in its place."""
    while (start := text.find(r"\text{")) >= 0:
        end = _closing_brace(text, start + 5)
        inner = text[start + 6 : end] if end > 0 else text[start + 6 :]
        text = f"{text[:start]} {inner} {text[end + 1 :] if end > 0 else ''}"
    return re.sub(" +", " ", text).strip()


def inwards(text: str) -> str:
    """Intervals with brackets that face outwards where they are open, as in France: ]0, 1] is (0, 1]."""
    return _FACING.sub(_turned, text)


def _turned(match: re.Match[str]) -> str:
    start, end = "(" if match["open"] == "]" else "[", ")" if match["close"] == "[" else "]"
    return f"{match['before']}{start}{match['ends']}{end}"


def tight(text: str) -> str:
    """An answer's spelling without spaces: what it is compared by where it cannot be read."""
    return re.sub(r"\s+", "", text)


def split(text: str, pattern: re.Pattern[str], marks: list[str] | None = None) -> list[str]:
    r"""The parts of `text` between the matches of `pattern` that stand outside all brackets, which go to `marks`."""
    parts, start, depth, place = [], 0, 0, 0
    while place < len(text):
        character = text[place]
        if text.startswith((r"\begin{", r"\lbrace", r"\langle"), place) or character in "([{":
            depth += 1
        elif text.startswith((r"\end{", r"\rbrace", r"\rangle"), place) or character in ")]}":
            depth -= 1
        if depth == 0 and (match := pattern.match(text, place)):
            parts.append(text[start:place])
            if marks is not None:
                marks.append(match[0])
            start = place = match.end()
            continue
        place += 1
        if character == "\\":  # a command is gone over whole: its letters are no words
            while place < len(text) and text[place].isalpha() and not text.startswith(("begin{", "end{"), place):
                place += 1
    return [part.strip() for part in [*parts, text[start:]]]
