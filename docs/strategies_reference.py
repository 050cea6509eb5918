"""Write the tables of docs/strategies.md from docstrings and benchmark results; `--check` compares them.

python docs/strategies_reference.py [--check]
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

from tts_bench import presets, registry

PAGE = Path(__file__).parent / "strategies.md"
RESULT = Path(__file__).parent / "results" / "shelf.json"  # of benchmarks/shelf.py
_VOTE, _FIRST = "majority-vote", "baseline"
_ARITHMETIC, _FLAT = "pocket_arithmetic", "pocket_flat"
_STRATEGIES = ("<!-- strategies -->\n", "<!-- end of strategies -->\n")
_CLAIMS = ("<!-- claims -->\n", "<!-- end of claims -->\n")
PARTS = ("Differs", "Costs", "Unsuitable if")  # of a docstring, after the summary
_OF_ALL, _OF_ALL_SHOWN = "the flat task is flat", "without a truthful scorer"
_PARTS = {"answers": "with scorers of answers", "votes": "votes that stop earlier"}
_OTHERS = "in no group"  # strategies that need a trained token or a server's effort setting


def page(text: str) -> str:
    """`text` of the page with the tables as the strategies and the result have them."""
    found = json.loads(RESULT.read_text("utf-8"))
    for (start, end), made in ((_STRATEGIES, tables(found)), (_CLAIMS, claims(found["claims"], found["settings"]))):
        before, _, rest = text.partition(start)
        text = f"{before}{start}\n{made}{end}{rest.partition(end)[2]}"
    return text


def tables(found: dict[str, Any]) -> str:
    """For each group a heading, the table of strategies and the table of results."""
    groups = presets.groups()
    shelf, cheap = groups.pop(presets.SHELF), groups.pop(presets.CHEAP, ())
    groups[_OTHERS] = tuple(name for name in registry.names() if name not in shelf)
    made = [_table(group, names, cheap) + _figures(found, "shelf", names) for group, names in groups.items() if names]
    for part, title in _PARTS.items():
        names = tuple(dict.fromkeys(point["strategy"] for point in found["points"] if point["part"] == part))
        if figures := _figures(found, part, names):
            made.append(f"### {title}{_later(found['settings'], part)}\n\n{figures}")
    return "\n".join(made)


def claims(found: list[dict[str, Any]], settings: dict[str, Any]) -> str:
    """Predictions and results, false ones first."""
    sizes = [
        f"{settings['problems'][task]} problems of `{task}` with seeds {', '.join(map(str, seeds))}"
        for task, seeds in settings["seeds"].items()
    ]
    true, settled = (sum(bool(claim[what]) for claim in found) for what in ("holds", "settled"))
    of = f"Of {len(found)} claims about single strategies, {true} are true; {len(found) - settled} are not settled."
    shown = [claim for claim in found if claim["says"] != _OF_ALL] + _extreme(found)
    rows = sorted(shown, key=lambda claim: (claim["holds"], not claim["settled"]))
    told = "".join(_claim(claim, _later(settings, claim["part"])) for claim in rows)
    head = "| claim | strategy | predicted, points | result | verdict |\n"
    return f"{'; '.join(sizes)}. {of}\n\n{head}|{'---|' * 5}\n{told}"


def _extreme(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of a claim about all strategies the one that gained most."""
    return [max((claim for claim in found if claim["says"] == _OF_ALL), key=lambda claim: float(claim["value"]))]


def _later(settings: dict[str, Any], part: str) -> str:
    """Which seeds played this part, where it was not all of them."""
    if not (first := settings.get("from_seed", {}).get(part, 0)):
        return ""
    return f", seeds {' and '.join(str(seed) for seed in settings['seeds'][_ARITHMETIC] if seed >= first)}"


def _claim(claim: dict[str, Any], seeds: str) -> str:
    least, most, bill = claim["least"], claim["most"], claim["kind"] == "bill"
    if least is None:
        bound = f"at most {most:g}%" if bill else f"at most {most:+g}"
    else:
        bound = f"at least {least:+g}" if most is None else f"{least:+g} to {most:+g}"
    against = {_FIRST: "baseline", _VOTE: "vote of 16", "majority-vote:samples=3": "vote of 3"}
    of = f"{'tokens of' if bill else 'minus'} {against.get(claim['against'], claim['against'])}"
    place = {"matched": " at equal tokens"}.get(claim["kind"], "") + (", flat task" if claim["task"] == _FLAT else "")
    place += seeds
    value = f"{claim['value']:.1f}%" if bill else f"{claim['value']:+.1f} ({claim['low']:+.1f} to {claim['high']:+.1f})"
    verdict = ("true" if claim["holds"] else "**false**") + ("" if claim["settled"] else ", not settled")
    who = (
        f"`{claim['strategy']}`, the largest gain of all {_OF_ALL_SHOWN}"
        if claim["says"] == _OF_ALL
        else f"`{claim['strategy']}`"
    )
    return f"| {claim['says']} | {who} | {of}{place}: {bound} | {value} | {verdict} |\n"


def _table(group: str, names: tuple[str, ...], cheap: tuple[str, ...]) -> str:
    head = "| strategy | what it does | needs | rungs | what it costs | unsuitable if |\n"
    rows = "".join(f"| {' | '.join(_cells(name, name in cheap))} |\n" for name in names)
    return f"### {group}\n\n{head}|{'---|' * 6}\n{rows}\n"


def _figures(found: dict[str, Any], part: str, names: tuple[str, ...]) -> str:
    """Results: accuracy, bill, the differences to vote and baseline, and the one on the flat task."""
    points = {
        point["strategy"]: point for point in found["points"] if point["part"] == part and point["task"] == _ARITHMETIC
    }
    said = [each for each in found["statements"] if each["part"] == part]
    titles = (
        "on the pocket model", "accuracy, %", "tokens", "spent", "minus the vote at equal tokens", "minus the baseline",
        "minus the baseline, flat task",
    )  # fmt: skip
    rows = [_figure(points[name], said) for name in names if name in points]
    return f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}\n{''.join(rows)}" if rows else ""


def _figure(point: dict[str, Any], said: list[dict[str, Any]]) -> str:
    name = point["strategy"]
    cells = [
        f"`{name}`",
        f"{100 * point['accuracy']:.1f} ({100 * point['low']:.1f} to {100 * point['high']:.1f})",
        f"{point['generated']:,.0f}",
        f"{point['spent']:,.0f}",
        _difference(name, _VOTE, _of(said, _ARITHMETIC, "matched")),
        _difference(name, _FIRST, _of(said, _ARITHMETIC, "matched"))
        or _difference(name, _FIRST, _of(said, _ARITHMETIC, "last")),
        _difference(name, _FIRST, _of(said, _FLAT, "last")),
    ]
    return f"| {' | '.join(cells)} |\n"


def _of(said: list[dict[str, Any]], task: str, kind: str) -> list[dict[str, Any]]:
    return [each for each in said if (each["task"], each["kind"]) == (task, kind)]


def _difference(name: str, control: str, said: list[dict[str, Any]]) -> str:
    """Points of `name` over `control`, an asterisk where they are told apart, and at which compute."""
    for each in said:
        if {each["left"], each["right"]} == {name, control}:
            sign = 1 if each["left"] == name else -1
            low, high = sorted((sign * each["low"], sign * each["high"]))
            star = "\\*" if each["adjusted"] < 0.05 else ""
            ratio = each["ratio"] if sign > 0 else 1 / each["ratio"]
            at = f"at {each['compute']:,.0f}" if each["kind"] == "matched" else f"at {ratio:.1f}x"
            return f"{100 * sign * each['difference']:+.1f}{star} ({100 * low:+.1f} to {100 * high:+.1f}) {at}"
    return ""


def _cells(name: str, cheap: bool) -> list[str]:
    kind = registry.strategy_class(name)
    strategy = registry.build(name).strategy
    said = parts(inspect.cleandoc(kind.__doc__ or ""))
    needs = ", ".join(f"`{need}`" for need in sorted(getattr(strategy, "needs", ()))) or (
        "a vote's samples" if cheap else ""
    )
    rungs = tuple(getattr(strategy, "rungs", ()))
    shown = ", ".join(rungs) if len(rungs) < 4 else f"{rungs[0]}, {rungs[1]} ... {rungs[-1]}"
    cells = [f"`{name}`", said["does"], needs, shown, said["Costs"], said["Unsuitable if"]]
    return [" ".join(cell.split()).replace("|", "\\|") for cell in cells]


def parts(doc: str) -> dict[str, str]:
    """The parts of a docstring by name; `does` is its first paragraph."""
    found = {"does": doc.partition("\n\n")[0], **dict.fromkeys(PARTS, "")}
    for name in PARTS:
        if part := re.search(rf"^{name}: (.+?)(?=^(?:{'|'.join(PARTS)}):|\n\n|\Z)", doc, re.MULTILINE | re.DOTALL):
            found[name] = part[1]
    return found


def main() -> None:
    """Write the tables, or compare them.

    Raises:
        SystemExit: with `--check`, the page's tables are not what the strategies say.
    """
    text = PAGE.read_text(encoding="utf-8")
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(text), encoding="utf-8")
    elif text != page(text):
        sys.exit(
            f"{PAGE.name} differs from the strategies' docstrings; run python docs/strategies_reference.py to update it"
        )


if __name__ == "__main__":
    main()
