"""One pool for all: strategies that draw samples share them, and what they add to a run is what they alone need."""

from __future__ import annotations

from tests.scripts import World
from tts_bench import presets, registry
from tts_bench.columns import top_mean
from tts_bench.records import Record
from tts_bench.solving.solve import Arm

COLUMNS = ("entropy", "logprob", top_mean(20))


def played(*names: str) -> tuple[World, list[Record]]:
    world = World(columns=COLUMNS)
    records = world.run_arms([Arm(built.id, built.strategy) for built in registry.build_all(names)])
    assert not [record.error for record in records if record.error]
    return world, records


def thoughts(world: World) -> set[str]:
    return {request.stream for request in world.engine.calls if "thinking" in request.stream}


def test_what_only_reads_a_pool_draws_no_sample_beyond_that_of_a_vote() -> None:
    cheap = presets.groups()[presets.CHEAP]
    assert len(cheap) > 10
    alone, _ = played("majority-vote")
    together, _ = played("majority-vote", *(name for name in cheap if not name.startswith("deepconf-online")))
    assert thoughts(together) == thoughts(alone)
    assert len(thoughts(alone)) == 16


def test_those_that_weigh_generate_the_pool_once() -> None:
    """Votes, weights and choices by log-probabilities ask the engine for as much as the vote alone."""
    names = [name for name in presets.groups()["weigh"] if name in presets.groups()[presets.CHEAP]]
    assert len(names) > 2
    alone, _ = played("majority-vote")
    together, _ = played("majority-vote", *names)
    assert together.scheduler.counts.made == alone.scheduler.counts.made
    apart = sum(played(name)[0].scheduler.counts.made for name in ("majority-vote", *names))
    assert apart == (1 + len(names)) * alone.scheduler.counts.made
