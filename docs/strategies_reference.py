"""Writes the tables of docs/strategies.md from the strategies' own words; `--check` compares instead.

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
RESULT = Path(__file__).parent / "results" / "shelf.json"  # tts-bench compare's, of the run that the page names
_VOTE = "majority-vote"
_START, _END = "<!-- strategies -->\n", "<!-- end of strategies -->\n"
PARTS = ("Differs", "Costs", "Wrong where")  # of a docstring, after what it does
_OTHERS = "elsewhere"  # strategies that ask for a token or a server's knob: no group has them


def page(text: str) -> str:
    """`text` of the page with the tables as the strategies have them."""
    before, _, rest = text.partition(_START)
    return f"{before}{_START}\n{tables()}{_END}{rest.partition(_END)[2]}"


def tables() -> str:
    """A heading and a table for each group."""
    groups = presets.groups()
    shelf, cheap = groups.pop(presets.SHELF), groups.pop(presets.CHEAP, ())
    groups[_OTHERS] = tuple(name for name in registry.names() if name not in shelf)
    return "\n".join(_table(group, names, cheap) for group, names in groups.items() if names)


def _table(group: str, names: tuple[str, ...], cheap: tuple[str, ...]) -> str:
    head = "| strategy | what it does | needs | rungs | what it pays | wrong where |\n"
    rows = "".join(f"| {' | '.join(_cells(name, name in cheap))} |\n" for name in names)
    return f"### {group}\n\n{head}|{'---|' * 6}\n{rows}\n{_figures(names)}"


def _figures(names: tuple[str, ...]) -> str:
    """What the run of `RESULT` found for them: accuracy, bill, and the difference to a vote at equal compute."""
    found = json.loads(RESULT.read_text("utf-8"))
    last = {point["strategy"]: point for point in found["points"]}  # rungs come in their order
    titles = "on the pocket model | accuracy, % | tokens | spent | less the vote at equal tokens, points"
    head = f"| {titles} |\n|{'---|' * 5}\n"
    rows = [_figure(name, last[name], found["statements"]) for name in names if name in last]
    return f"{head}{''.join(rows)}" if rows else ""


def _figure(name: str, point: dict[str, Any], statements: list[dict[str, Any]]) -> str:
    said = [each for each in statements if each["kind"] == "matched" and {each["left"], each["right"]} == {name, _VOTE}]
    verdict = ""
    for each in said:
        sign = 1 if each["left"] == name else -1
        low, high = sorted((sign * each["low"], sign * each["high"]))
        verdict = (
            f"{100 * sign * each['difference']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f}) at {each['compute']:,.0f}"
        )
    accuracy = f"{100 * point['accuracy']:.1f} ({100 * point['low']:.1f} to {100 * point['high']:.1f})"
    return f"| `{name}` | {accuracy} | {point['generated']:,.0f} | {point['spent']:,.0f} | {verdict} |\n"


def _cells(name: str, cheap: bool) -> list[str]:
    kind = registry.strategy_class(name)
    strategy = registry.build(name).strategy
    said = parts(inspect.cleandoc(kind.__doc__ or ""))
    needs = ", ".join(f"`{need}`" for need in sorted(getattr(strategy, "needs", ()))) or (
        "a vote's pool" if cheap else ""
    )
    rungs = tuple(getattr(strategy, "rungs", ()))
    shown = ", ".join(rungs) if len(rungs) < 4 else f"{rungs[0]}, {rungs[1]} ... {rungs[-1]}"
    cells = [f"`{name}`", said["does"], needs, shown, said["Costs"], said["Wrong where"]]
    return [" ".join(cell.split()).replace("|", "\\|") for cell in cells]


def parts(doc: str) -> dict[str, str]:
    """What a docstring says, by part; what it `does` is its first sentence or two."""
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
        sys.exit(f"{PAGE.name} is not what the strategies say: python docs/strategies_reference.py writes it")


if __name__ == "__main__":
    main()
