"""Claims about engines in a Ray cluster: the same texts as one engine, and whoever dies is replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import forked
from tests.engines.at_work import alone, asked, requests
from tests.engines.scripted_engines import Exacting, Fragile, Slow, deadly, scripted, unloadable
from tests.runs import killable
from tts_bench.api import LearnedToken
from tts_bench.engine import Generation, Request
from tts_bench.engines import cluster
from tts_bench.engines.workers import Workers
from tts_bench.errors import EngineError, UserError

ONE = {"CPU": 0.5}
ROOT = Path(__file__).parents[2]
DRIVER = """
import sys
from pathlib import Path
from tests.runs.killable import run
data, out, log, ray, actors = sys.argv[1:]
run(Path(data), Path(out), Path(log), ray, Path(actors))
"""


@pytest.fixture(scope="module")
def joined() -> Iterator[str]:
    """The address of a cluster of this machine, whose actors can import the tests."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        cluster.connect("local")
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()


def pid(engine: Workers) -> int:
    found = engine.info.settings["pid"]
    assert isinstance(found, int)
    return found


def test_without_ray_the_command_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'ray>=2\.60,<2\.61'"):
        cluster.check_installed()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no such place:x", "auto"])
def test_where_no_cluster_answers_it_is_said_how_to_start_one(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UserError, match=rf"cannot use a Ray cluster at {address}: .* ray start --head"):
        cluster.connect(address)


@pytest.mark.slow
@pytest.mark.xdist_group("cluster")  # one process starts it, once
@pytest.mark.usefixtures("joined")
class TestOnACluster:
    def test_actors_give_in_order_what_one_engine_gives_and_all_of_them_work(self) -> None:
        given = requests(40)

        async def work(engine: Workers) -> list[Generation]:
            made = await engine.generate(given)
            assert {engine._workers.index(engine._home[hash(request.prompt)]) for request in given} == {0, 1}
            return made

        assert asked(cluster.start(2, ONE, scripted), work) == alone(given)

    def test_a_killed_actor_is_replaced_and_what_it_was_asked_is_done_again(self) -> None:
        given = requests(20)
        engine = cluster.start(2, ONE, scripted, kind=Fragile)
        token = LearnedToken("t", (0.0,), engine.info.fingerprint, "d" * 64)
        learned = engine.learn(token)
        cued = [replace(request, prefix=(learned,)) for request in given]

        async def work(engine: Workers) -> list[list[Generation]]:
            first = engine._workers[0].transport
            generating = asyncio.create_task(engine.generate(given))
            await asyncio.sleep(0.1)
            assert engine._workers[0].pending
            os.kill(pid(engine), signal.SIGKILL)
            made = await generating
            while engine._workers[0].dead or engine._workers[0].transport is first:
                await asyncio.sleep(0.1)
            engine._home.clear()
            generating = asyncio.create_task(engine.generate(cued))
            await asyncio.sleep(0.1)
            assert engine._workers[0].pending  # the new one works too, and has learned what the old one had
            return [made, await generating]

        assert asked(engine, work) == [alone(given), alone(cued)]

    def test_where_the_only_actor_dies_requests_wait_for_its_replacement(self) -> None:
        given = requests(5)

        async def work(engine: Workers) -> list[Generation]:
            generating = asyncio.create_task(engine.generate(given))
            await asyncio.sleep(0.1)
            os.kill(pid(engine), signal.SIGKILL)
            return await generating

        assert asked(cluster.start(1, ONE, scripted, kind=Fragile), work) == alone(given)

    def test_a_request_that_kills_whoever_has_it_fails_and_the_others_can_be_answered(self) -> None:
        given = requests(4)
        killer = Request(given[0].prompt, (), 9, "deadly")

        async def work(engine: Workers) -> list[Generation]:
            with pytest.raises(EngineError, match="3 workers died while processing this request"):
                await engine.generate([killer])
            return await engine.generate(given)

        assert asked(cluster.start(2, ONE, scripted, kind=Fragile), work) == alone(given)

    def test_a_cancelled_request_leaves_nothing_behind(self) -> None:
        async def work(engine: Workers) -> list[Generation]:
            generating = asyncio.create_task(engine.generate(requests(5)))
            await asyncio.sleep(0.1)
            generating.cancel()
            await asyncio.gather(generating, return_exceptions=True)
            assert not engine._asked
            assert not any(worker.pending for worker in engine._workers)
            return await engine.generate(requests(5))

        assert asked(cluster.start(2, ONE, scripted, kind=Slow), work) == alone(requests(5))

    def test_a_mistake_or_a_death_while_loading_says_what_to_type(self) -> None:
        with pytest.raises(UserError, match="there is no such model"):
            cluster.start(2, ONE, unloadable)
        with pytest.raises(UserError, match=r"a worker of the Ray cluster ended .* during startup.*try --workers 1"):
            cluster.start(1, ONE, deadly)

    def test_a_token_that_does_not_fit_is_refused_by_the_actors(self) -> None:
        async def work(engine: Workers) -> None:
            with pytest.raises(UserError, match="a row of 1 numbers; 2 were expected"):
                engine.learn(LearnedToken("t", (0.0,), engine.info.fingerprint, "d" * 64))

        asked(cluster.start(1, ONE, scripted, kind=Exacting), work)

    def test_more_workers_than_the_cluster_has_room_for_are_refused_with_the_number_that_fits(self) -> None:
        import ray

        room = int(ray.cluster_resources()["CPU"])
        with pytest.raises(UserError, match=rf"--workers {room + 1}: each needs 1 CPU .* room for {room}\. Give"):
            cluster.start(room + 1, {"CPU": 1.0}, scripted)
        with pytest.raises(UserError, match=r"0 GPU in all, which is room for 0\. Add machines"):
            cluster.start(1, {"CPU": 1.0, "GPU": 2.0}, scripted)

    def test_where_other_jobs_hold_the_machines_it_is_said_and_nothing_stays_reserved(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import ray

        everything = {"CPU": ray.cluster_resources()["CPU"]}
        held = cluster.start(1, everything, scripted)
        with monkeypatch.context() as impatient:
            impatient.setattr(cluster, "_GATHERING", 1)
            with pytest.raises(UserError, match=r"other jobs on the Ray cluster hold .* ray status"):
                cluster.start(1, ONE, scripted)
        asyncio.run(held.close())
        asyncio.run(cluster.start(1, everything, scripted).close())

    def test_another_version_on_a_machine_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cluster, "__version__", "0.0.0")
        with pytest.raises(UserError, match=r"has tts-bench .*, this one 0\.0\.0\. Install the same"):
            cluster.start(1, ONE, scripted)

    def test_neither_a_killed_actor_nor_a_killed_driver_shows_in_the_records_of_a_run(
        self, joined: str, tmp_path: Path
    ) -> None:
        data = killable.write_problems(tmp_path / "data", 12)
        killable.run(data, tmp_path / "undisturbed" / "run")
        out, log, actors = tmp_path / "killed" / "run", tmp_path / "log", tmp_path / "actors"

        def started() -> forked.Program:
            return forked.Program(DRIVER, data, out, log, joined, actors)

        def until_stored(count: int, driver: forked.Program) -> None:
            while not (log.exists() and len(log.read_text().splitlines()) >= count):
                assert driver.returncode is None, driver.stderr
                time.sleep(0.01)

        driver = started()
        until_stored(20, driver)
        driver.kill()
        first = {int(file.name) for file in actors.iterdir()}
        driver = started()
        until_stored(len(log.read_text().splitlines()) + 20, driver)
        [victim, *_] = {int(file.name) for file in actors.iterdir()} - first
        assert not (out / "records.jsonl").exists()
        os.kill(victim, signal.SIGKILL)
        done = driver.wait()
        assert done.returncode == 0, done.stderr
        for name in killable.FILES:
            assert (out / name).read_bytes() == (tmp_path / "undisturbed" / "run" / name).read_bytes(), name
        killable.nothing_finished_was_made_again(log)
