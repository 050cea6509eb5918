"""The numbers of docs/results are those of the curve beside them and of the leaderboard's per-problem values."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks import outside, registered, study, token_study
from benchmarks.changes import repeats
from tts_bench.analysis.curve import Point, read_curve
from tts_bench.analysis.paired import mcnemar
from tts_bench.present.leaderboard.recompute import unpacked

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "results" / "qwen2.5-coder-0.5b"
TASKS = {"gsm8k": "## GSM8K", "math500": "## MATH-500"}


def rows(task: str) -> list[list[str]]:
    """Cells of the task's table, without its head."""
    text = (FOLDER / "README.md").read_text("utf-8").partition(TASKS[task])[2].partition("\n## ")[0]
    table = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def cells(point: Point, whole: float) -> list[str]:
    """A point as the table words it; `whole` is the cost of the baseline's last rung."""
    assert None not in (point.accuracy, point.low, point.high)
    accuracy, low, high = (100 * (value or 0.0) for value in (point.accuracy, point.low, point.high))
    return [
        point.rung,
        f"{accuracy:.1f} [{low:.1f}, {high:.1f}]",
        f"{100 * point.metrics['lenient']:.1f}",
        f"{point.generated:,.0f}",
        f"{point.generated / whole:.2f}",
        f"{point.truncated:.0%}",
        f"{point.no_answer:.0%}",
        f"{point.cues:.2f} / {point.cues_wanted:.0f}" if point.cues_wanted else "",
    ]


@pytest.mark.parametrize("task", TASKS)
def test_a_published_table_says_what_its_curve_says(task: str) -> None:
    points = [point for point in read_curve(FOLDER / "curve.json")[1] if point.task == task]
    whole = next(point.generated for point in reversed(points) if point.strategy.startswith("baseline"))
    assert len(points) > 5
    assert [row[1:] for row in rows(task)] == [cells(point, whole) for point in points]


# task, strategy, first and last rung -> problems gained and lost, as the page's last section says
FLIPS = {
    ("gsm8k", "baseline", "64", "512"): (7, 0),
    ("gsm8k", "budget-forcing", "x0", "x2"): (0, 0),
    ("math500", "budget-forcing", "x0", "x2"): (0, 1),
    ("gsm8k", "majority-vote", "1", "4"): (3, 0),
    ("math500", "majority-vote", "1", "4"): (1, 1),
}


@pytest.mark.parametrize(("task", "strategy", "first", "last"), FLIPS)
def test_what_a_published_page_says_was_gained_and_lost_follows_from_the_leaderboards_entry(
    task: str, strategy: str, first: str, last: str
) -> None:
    [path] = (ROOT / "leaderboard" / "entries").glob("qwen2.5-coder-0.5b-ff3b2b29.json")
    strategies: dict[str, Any] = json.loads(path.read_text("utf-8"))["tasks"][task]["strategies"]
    [rungs] = [held["rungs"] for name, held in strategies.items() if name.startswith(strategy)]
    before, after = (unpacked(rungs[rung]["problems"]["score"], 32) for rung in (first, last))
    pairs = list(zip(before, after, strict=True))
    gained, lost = sum(b > a for a, b in pairs), sum(b < a for a, b in pairs)
    assert (gained, lost) == FLIPS[task, strategy, first, last]
    assert len(pairs) == 32


def test_the_published_p_values_are_those_of_the_exact_test() -> None:
    assert [round(mcnemar(*flips), 3) for flips in ((7, 0), (3, 0), (0, 1), (1, 1))] == [0.016, 0.25, 1.0, 1.0]


def test_the_cost_of_a_study_is_what_its_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["study", str(FOLDER), "--task", "math500"])
    study.main()
    printed = [line for line in capsys.readouterr().out.splitlines() if line]
    page = (ROOT / "docs" / "scale.md").read_text("utf-8").splitlines()
    assert len(printed) > 12
    assert not [line for line in printed if line not in page]


OUTSIDE = ROOT / "docs" / "studies" / "2026-outside"
SIX = {"models": 6, "task": "aime25", "left": "first-finish", "kind": "matched"}
HELD: dict[str, Any] = json.loads((OUTSIDE / "results.json").read_text("utf-8"))


def test_the_tables_of_other_peoples_outputs_are_those_of_the_results_beside_them() -> None:
    page = (OUTSIDE / "README.md").read_text("utf-8")
    for table in outside.tables(HELD).split("\n\n"):
        assert table in page
    points = [100 * abs(said["difference"]) for said in HELD["mean over models"] if said["left"] == "first-finish"]
    assert f"it is {points[0]:.1f} points below the vote on AIME 2024" in page.replace("\n   ", " ")
    assert f"{points[2]:.1f} below on AIME 2025" in page.replace("\n   ", " ")
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    [alike] = [said for said in HELD["mean over models"] if SIX.items() <= said.items()]
    below, high, low = (f"{-100 * alike[key]:.1f}" for key in ("difference", "low", "high"))
    assert f"scores {below} points below a majority vote that costs as many tokens" in readme
    assert f"(AIME 2025; 95% interval {low} to {high})" in readme
    outputs, other = (sum(held[key] for held in HELD["solutions"].values()) for key in ("outputs", "differ"))
    assert f"{outputs:,} solutions" in page.replace("\n   ", " ")
    assert other == 0
    for task, share in (("aime24", "53%"), ("aime25", "55%")):
        costs = [
            [held[task]["rungs"][strategy][-1]["generated"] for held in HELD["models"].values()]
            for strategy in ("first-finish", outside.VOTE)
        ]
        assert f"{sum(costs[0]) / sum(costs[1]):.0%}" == share
    assert "costs 53% and 55% of the whole vote" in page
    assert HELD["limits"]["Qwen3-235B-A22B-Instruct-2507"] == [[5000]] * 4 + [[5000, 10000]] * 4
    places = [
        [100 * place["accuracy"] for place in HELD["models"]["Qwen3-32B"][task]["places"]]
        for task in ("aime24", "aime25")
    ]
    short, long = [one for row in places for one in row[4:6]], [one for row in places for one in (*row[:4], *row[6:])]
    assert [round(bound(those)) for those in (short, long) for bound in (min, max)] == [17, 30, 63, 87]
    differ = len(HELD["verdicts"]["differ"])
    assert f"disagree on {differ} of {HELD['verdicts']['outputs']:,} outputs" in page


@pytest.mark.parametrize("model", HELD["models"])
def test_the_leaderboard_holds_each_rung_of_other_peoples_outputs(model: str) -> None:
    entries = [json.loads(path.read_text("utf-8")) for path in (ROOT / "leaderboard" / "entries").glob("*.json")]
    for task, held in HELD["models"][model].items():
        [part] = [
            entry["tasks"][task] for entry in entries if entry["model"]["name"] == model and task in entry["tasks"]
        ]
        ours = {outside.kind(label): line["rungs"] for label, line in part["strategies"].items()}
        assert ours.keys() == held["rungs"].keys()
        for strategy, rungs in held["rungs"].items():
            # Of a vote of k the leaderboard has the first k outputs, and the page the mean over all choices of k.
            for rung in rungs[-1:]:
                found = ours[strategy][rung["rung"]]
                assert found["generated"] == pytest.approx(rung["generated"])
                if strategy != outside.VOTE:
                    assert found["accuracy"] == pytest.approx(rung["accuracy"])


REAL = ROOT / "docs" / "studies" / "2026-real"
FIRST = REAL / "coder-0-5b-gsm8k"
SECTIONS = {
    FIRST.name: "## Results of the first part",
    "coder-0-5b-math": "## Results of the second part",
    "coder-1-5b-gsm8k": "## Results of the third part",
}


def test_the_tables_of_the_study_of_cues_are_those_of_the_files_beside_them() -> None:
    page = (REAL / "README.md").read_text("utf-8")
    for table in registered.tables(REAL):
        assert table in page
    for one in registered.differences(REAL):
        section = page.partition(SECTIONS[one.part])[2].partition("\n## ")[0]
        points, low, high = (f"{100 * one.said[key]:+.1f}" for key in ("difference", "low", "high"))
        [verdict] = [line for line in section.splitlines() if line.startswith(f"| `{one.name}` | {points}")]
        assert f"({low} to {high})" in verdict
    [held] = json.loads((FIRST / "records.json").read_text("utf-8")).values()
    wait, following = (held["changes"][f"budget-forcing:{more}extensions=2"]["x2"] for more in ("", "cue=Next,"))
    assert f"on {wait['cued']} of {wait['problems']} problems, and the answer changed on {wait['changed']}" in page
    assert f"corrected {wait['gained']} answers and broke {wait['lost']}" in page
    assert f"changed {following['changed']}" in page
    assert f"On {held['ties']['tied']} problems the vote of eight was tied" in page


UNCUT = ROOT / "docs" / "studies" / "2026-uncut"


@pytest.mark.parametrize("part", registered.parts(UNCUT))
def test_the_page_of_cues_where_little_is_cut_says_what_the_files_beside_it_say(part: str) -> None:
    page = (UNCUT / "README.md").read_text("utf-8")
    for table in registered.tables(UNCUT):
        assert table in page
    section = page.partition(SECTIONS[part])[2].partition("\n## ")[0]
    for one in registered.differences(UNCUT):
        if one.part == part:
            points, low, high = (f"{100 * one.said[key]:+.1f}" for key in ("difference", "low", "high"))
            [verdict] = [line for line in section.splitlines() if line.startswith(f"| `{one.name}` | {points}")]
            assert f"({low} to {high})" in verdict
    [held] = json.loads((UNCUT / part / "records.json").read_text("utf-8")).values()
    wait, cut = (held[kind]["budget-forcing:extensions=2"]["x2"] for kind in ("changes", "cut"))
    text = " ".join(section.split())
    assert f"of the {cut['cut']} thoughts that were cut, {cut['repeating']} say" in text
    assert f"On the {wait['uncut']} problems where neither answer was cut" in text
    assert f'two "Wait" corrected {wait["uncut_gained"]}' in text
    assert f"and broke {wait['uncut_lost']}" in text


def test_thinking_repeats_itself_if_its_last_letters_stand_in_it_three_times() -> None:
    line = "So we need to try the next whole number, and then the one that follows it, until one of them fits here. "
    assert [repeats("Let us see. " + line * times) for times in (1, 2, 3, 9)] == [False, False, True, True]
    assert not repeats("".join(f"So we try {number}. " for number in range(300)))


@pytest.mark.parametrize(
    ("part", "said"), [("coder-0-5b-math", "1 answer and broke 1"), ("coder-1-5b-gsm8k", "5 answers and broke 7")]
)
def test_the_page_says_what_cues_do_where_nothing_was_cut(part: str, said: str) -> None:
    page = " ".join((REAL / "README.md").read_text("utf-8").split())
    [held] = json.loads((REAL / part / "records.json").read_text("utf-8")).values()
    wait = held["changes"]["budget-forcing:extensions=2"]["x2"]
    assert [int(word) for word in said.split() if word.isdigit()] == [wait["uncut_gained"], wait["uncut_lost"]]
    assert f'On the {wait["uncut"]} problems where neither answer was cut, two "Wait" corrected {said}' in page


def test_the_readme_says_what_the_study_of_cues_says_of_both_models() -> None:
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    for folder, part, said in (
        (REAL, FIRST.name, "{} points ({} to {}; 0.5B"),
        (REAL, "coder-1-5b-gsm8k", "by {} ({} to {}; 1.5B"),
        (UNCUT, FIRST.name, "by {} ({} to {}; 0.5B)"),
    ):
        [one] = [one for one in registered.differences(folder) if (one.part, one.name) == (part, "wait-gains")]
        assert said.format(*(f"{100 * one.said[key]:+.1f}" for key in ("difference", "low", "high"))) in readme


@pytest.mark.parametrize(
    "part", [study / part for study in (REAL, UNCUT) for part in registered.parts(study)], ids=lambda part: part.name
)
def test_the_leaderboard_holds_each_rung_of_the_study_of_cues(part: Path) -> None:
    with (part / "table.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    entries = [json.loads(path.read_text("utf-8")) for path in (ROOT / "leaderboard" / "entries").glob("*.json")]
    for line in lines:
        kind, rung = line["strategy"].partition(":")[0], line["rung"]
        held = [
            strategy["rungs"][rung]
            for entry in entries
            if line["task"] in entry["tasks"]
            for name, strategy in entry["tasks"][line["task"]]["strategies"].items()
            if name.partition(":")[0] == kind and rung in strategy["rungs"]
        ]
        same = [each for each in held if each["generated"] == pytest.approx(float(line["generated"]))]
        # Of a vote the table has the mean over all votes of k.
        votes = kind in ("majority-vote", "chain-of-draft")
        assert any(votes or each["accuracy"] == pytest.approx(float(line["accuracy"])) for each in same), line


TOKEN = ROOT / "docs" / "studies" / "2026-token"


def test_the_tables_of_the_study_of_tokens_are_those_of_the_results_beside_them() -> None:
    page = (TOKEN / "README.md").read_text("utf-8")
    found: dict[str, Any] = json.loads((TOKEN / "results.json").read_text("utf-8"))
    for table in token_study.tables(found).split("\n\n"):
        assert table in page
    assert found["comparisons"].keys() == token_study.QUESTIONS.keys()
    assert {one["problems"] for one in found["comparisons"].values()} == {300}
    for name, one in found["comparisons"].items():
        points, low, high = (f"{100 * one[key]:+.1f}" for key in ("difference", "low", "high"))
        assert f"| `{name}` | {points} ({low} to {high})" in page.replace(" points (", " (")
    changed = {name: one["changed"] for name, one in found["changes"].items()}
    told = [changed[name] for name in ("learned-1", "learned-2", "untrained", "shuffled-0", "shuffled-1")]
    text = " ".join(page.split())
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    for name in ("token-gains", "token-or-wait"):
        said = found["comparisons"][name]
        points, low, high = (f"{100 * said[key]:+.1f}" for key in ("difference", "low", "high"))
        assert points in readme
        assert f"({low} to {high})" in readme
    assert "changed {} and {} of 300, the untrained row they started from {}".format(*told) in text
    assert "with shuffled rewards, changed {} and {}.".format(*told[3:]) in text
    groups = [found["training"][f"learned-{seed}"] for seed in range(3)]
    differ, of = (sum(one[key] for one in groups) for key in ("groups", "of"))
    assert f"of the {of} groups of the three learned tokens {differ} had rewards that differ" in text
    minutes = [round(one["minutes"]) for one in found["training"].values()]
    assert f"took {min(minutes)} to {max(minutes)} minutes each" in text


@pytest.mark.parametrize(
    ("folder", "results"),
    [(REAL, f"{FIRST.name}/table.csv"), (UNCUT, f"{FIRST.name}/table.csv"), (TOKEN, "results.json")],
)
def test_a_study_was_registered_before_its_first_result(folder: Path, results: str) -> None:
    page, first = (_added(folder / name) for name in ("README.md", results))
    if not page or not first:
        pytest.skip("no history here")
    assert page != first
    assert subprocess.run([*GIT, "merge-base", "--is-ancestor", page, first], check=False).returncode == 0


GIT = ("git", "-C", str(ROOT))


def _added(path: Path) -> str:
    """The commit that brought a file into the history; empty where there is none."""
    command = [*GIT, "log", "--diff-filter=A", "--format=%H", "--", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return said[-1] if said else ""
