"""The conformance kit: built-in strategies keep every claim, and a broken plugin is caught by the one it breaks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tts_bench.api import Strategy
from tts_bench.cli import main as root
from tts_bench.errors import UserError
from tts_bench.strategies.baseline import Baseline
from tts_bench.testing import CLAIMS, Broken, Claim, conform, results

PLUGINS = sorted(Path(__file__).with_name("plugins").glob("*.py"))
ENDLESS = "budget_endless"  # found out by waiting
UNRULY = (ENDLESS, "cancellation_swallowed")  # for what tries them in a process of their own
# The shelf's others are tried in tests/shelf, at settings that are small.
FIRST = ["baseline", "budget-forcing", "learned-token", "majority-vote", "reasoning-effort"]
SETTINGS = ["baseline:budgets=4+20+40", "budget-forcing:budget=30,cue=But", "majority-vote:samples=3,budget=25"]


def claim_of(plugin: Path) -> str:
    """The claim that a plugin breaks, which its name begins with."""
    (name,) = (claim.name for claim in CLAIMS if plugin.stem.replace("_", "-").startswith(claim.name))
    return name


def plugins(*, first: bool = False) -> list[object]:
    """All, or the `first` of each claim and the unruly ones."""
    slow, firsts = [pytest.mark.slow], {claim_of(file): file for file in reversed(PLUGINS)}.values()
    files = [file for file in PLUGINS if not first or file in firsts or file.stem in UNRULY]
    return [pytest.param(file, id=file.stem, marks=slow if file.stem == ENDLESS else []) for file in files]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("spec", [*FIRST, *SETTINGS])
def test_every_strategy_keeps_every_claim(spec: str, claim: Claim[Strategy]) -> None:
    conform(spec, claim)


@pytest.mark.parametrize("plugin", plugins())
def test_a_broken_plugin_is_caught_by_the_claim_it_breaks_and_by_no_other(plugin: Path) -> None:
    found = list(results(f"{plugin}:Plugin"))
    assert [result.claim.name for result in found if result.verdict == "fail"] == [claim_of(plugin)]
    assert all(result.reason for result in found if result.verdict != "pass")
    untried = {result.reason for result in found if result.verdict == "not tried"}
    assert untried <= {f"it needs {claim}" for claim in ("answers", "determinism")}


def test_every_claim_has_a_plugin_that_breaks_it_and_a_sentence_that_says_it() -> None:
    assert {claim_of(plugin) for plugin in PLUGINS} == {claim.name for claim in CLAIMS}
    assert len({claim.sentence for claim in CLAIMS if claim.sentence.endswith(".")}) == len(CLAIMS)


def test_conform_takes_an_object_or_a_spec_and_says_which_claims_do_not_hold() -> None:
    conform(Baseline())
    cancelling = next(file for file in PLUGINS if file.stem == "cancellation")
    with pytest.raises(Broken, match=r"breaks 1 of 13 claims\ncancellation: cancelled after 0 answers"):
        conform(f"{cancelling}:Plugin")
    conform(f"{cancelling}:Plugin", CLAIMS[0])
    with pytest.raises(UserError, match=r"no strategy 'bassline'. Did you mean 'baseline'"):
        conform("bassline")


def test_check_prints_each_claim_with_its_verdict_and_its_exit_code_says_whether_all_hold(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert root._run(["strategies", "check", "budget-forcing:extensions=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [["pass", claim.name] for claim in CLAIMS]
    assert lines[-1].startswith("13 of 13 claims hold (")
    assert root._run(["strategies", "check", f"{PLUGINS[0]}:Plugin"]) == 2
    out = capsys.readouterr().out
    assert "why: gsm8k/1: ValueError: invalid literal for int() with base 10: '' (answers.py:" in out
    assert out.count("not tried") == 12


@pytest.mark.parametrize("plugin", plugins(first=True))
def test_check_of_a_broken_plugin_ends_with_exit_code_2_and_says_what_it_breaks_and_why(
    plugin: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    assert root._run(["strategies", "check", f"{plugin}:Plugin"]) == 2
    lines = capsys.readouterr().out.splitlines()
    failed = [place for place, line in enumerate(lines) if line.startswith("fail")]
    assert [lines[place].split()[1] for place in failed] == [claim_of(plugin)]
    assert all(lines[place + 1].split(maxsplit=1)[0] == "why:" for place in failed)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("bassline", "Did you mean 'baseline'"),
        ("./gone.py:Gone", "there is no file './gone.py'"),
        ("baseline:budgets=x", "option budgets is 'x'; it takes whole numbers"),
        ("budget-forcing:extensions=-1", "extensions is -1"),
    ],
)
def test_a_wrong_spec_is_a_message_and_exit_code_2(spec: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert root._run(["strategies", "check", spec]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert said in captured.err
    assert not captured.out


def test_the_kit_loads_no_model_library() -> None:
    code = (
        "import sys; from tts_bench.testing import conform; conform('baseline');"
        "print(sorted({'torch', 'transformers', 'lm_eval', 'matplotlib', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
