"""Groups of strategies by name: who is in one, what a name leaves out, and what a run makes of it."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import NamedTuple

import pytest

from tts_bench import presets, registry
from tts_bench.errors import UserError
from tts_bench.presets import CONTROLS, SHELF, expanded, groups


class Distribution(NamedTuple):
    """As much of one as entry points are read with."""

    name: str
    version: str


def test_the_shelf_is_every_group_and_begins_with_the_controls() -> None:
    found = groups()
    assert found[CONTROLS] == ("baseline", "majority-vote")
    assert found[SHELF][:2] == found[CONTROLS]
    assert set(found[SHELF]) == {name for group, names in found.items() if group != SHELF for name in names}


def test_no_group_has_the_name_of_a_strategy() -> None:
    assert not set(groups()) & set(registry.names())


@pytest.mark.parametrize("group", groups())
def test_a_group_brings_the_controls_and_needs_no_option(group: str) -> None:
    specs = expanded([group]).specs
    assert specs[:2] == groups()[CONTROLS]
    assert [built.id.partition(":")[0] for built in registry.build_all(specs)] == list(specs)


def test_a_strategy_named_beside_its_group_is_taken_as_named() -> None:
    found = expanded(["lengthen", "budget-forcing:extensions=2"])
    assert "budget-forcing" not in found.specs
    assert found.specs[-1] == "budget-forcing:extensions=2"
    assert "budget-forcing:extensions=2" not in found.grouped


def test_a_name_with_a_dash_leaves_a_strategy_out_and_must_be_there() -> None:
    assert "budget-forcing" not in expanded(["lengthen", "-budget-forcing"]).specs
    with pytest.raises(UserError, match=r"-budget-forcin excludes a strategy.*Did you mean 'budget-forcing'"):
        expanded(["lengthen", "-budget-forcin"])
    with pytest.raises(UserError, match=r"-baseline excludes a strategy that is named too\. Remove one"):
        expanded(["baseline", "-baseline"])
    with pytest.raises(UserError, match=r"no group is named\. Name one too, such as shelf,-baseline\."):
        expanded(["-baseline"])


def test_where_no_group_is_named_no_strategy_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(presets, "groups", refuse)
    named = ["baseline", "./mine.py:Mine", "majority-vote:samples=3"]
    assert expanded(named).specs == tuple(named)


def test_a_strategy_of_another_package_joins_its_group_and_a_broken_one_hides_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = Distribution("mine", "1")
    there = registry.STRATEGIES.registered()
    group = registry.STRATEGIES.name
    mine = EntryPoint("mine", "tests.grouped:Mine", group)._for(own)  # type: ignore[attr-defined]
    broken = EntryPoint("broken", "no_such_module:Mine", group)._for(own)  # type: ignore[attr-defined]
    monkeypatch.setattr(type(registry.STRATEGIES), "registered", lambda _: {**there, "mine": mine, "broken": broken})
    assert {"budget-forcing", "mine"} <= set(groups()["lengthen"])
    assert "broken" not in groups()[SHELF]
    with pytest.raises(UserError, match="'broken' of mine 1 fails at import"):
        registry.build_all(expanded(["lengthen", "broken"]).specs)


@pytest.mark.parametrize(("typed", "meant"), [("shlf", "shelf"), ("lengthn", "lengthen"), ("esk", "esc")])
def test_a_name_that_is_neither_offers_the_nearest_strategy_or_group(typed: str, meant: str) -> None:
    with pytest.raises(UserError, match=f"no strategy.* '{typed}'. Did you mean '{meant}'"):
        registry.build_all(expanded([typed]).specs)
