"""An engine in each of several actors of a Ray cluster. This module imports no Ray until one is asked for."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from queue import SimpleQueue
from typing import Any

from tts_bench.engine import Engine
from tts_bench.engines import environment
from tts_bench.engines.transport import Load, serve
from tts_bench.engines.workers import Workers
from tts_bench.errors import UserError
from tts_bench.version import __version__

INSTALL = "pip install 'ray>=2.60,<2.61'"
_GATHERING = 120  # seconds for a cluster to make room
_CLOSING = 10  # seconds for an engine to close
_KNOCKING = 5  # seconds for a cluster's port to answer


def check_installed() -> None:
    """Refuse to go on without Ray.

    Raises:
        UserError: it is not installed here.
    """
    if find_spec("ray") is None:
        raise UserError(f"--ray needs Ray, which is not installed here. Type {INSTALL}.")


def connect(address: str) -> None:
    """Join the cluster at `address`: "auto" for the one that this machine is part of, "local" for a new one of this
    machine alone that ends with this process, or host:port. Does nothing where this process has joined one.

    Raises:
        UserError: Ray is not installed, or no cluster answers there.
    """
    check_installed()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # actors without a GPU keep what they were given
    import ray

    if ray.is_initialized():
        return
    where: dict[str, Any] = {"include_dashboard": False} if address == "local" else {"address": address}
    try:
        _knock(address)
        ray.init(**where, log_to_driver=False, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        why = str(error).strip().partition("\n")[0]
        raise UserError(
            f"cannot use a Ray cluster at {address}: {why} Type ray start --head on one machine and give --ray "
            "HOST:6379, or --ray auto on that machine; --ray local uses only this machine."
        ) from error


def gpus() -> int:
    """GPUs of the cluster that this process has joined."""
    import ray

    return int(ray.cluster_resources().get("GPU", 0))


def most_beside(need: Mapping[str, float]) -> int:
    """How many workers that need so much fit on the roomiest machine of the cluster."""
    return max(_fitting(need), default=0)


def start(count: int, need: Mapping[str, float], load: Load, **arguments: Any) -> Workers:
    """`count` actors, each with the engine that `load(**arguments)` gives it on a machine that has what it needs.

    `need` is what Ray keeps for each, on one machine, as in {"CPU": 1, "GPU": 2}. An actor that dies is replaced.

    Raises:
        UserError: the cluster is too small or busy, another version of this package stands on one of its machines, as
            `load` does, or an actor ended before it was ready.
    """
    _check_room(count, need)
    places = [_Place(dict(need)) for _ in range(count)]
    try:
        for place in places:
            place.wait()
    except BaseException:
        for place in places:
            place.leave()
        raise
    return Workers([_Actor(place, load, arguments) for place in places])


@dataclass(frozen=True)
class _Place:
    """A placement group of one bundle: what a worker needs, on one machine, kept for it and for its replacements."""

    need: dict[str, float]
    group: Any = field(init=False)

    def __post_init__(self) -> None:
        from ray.util.placement_group import placement_group

        object.__setattr__(self, "group", placement_group([self.need]))

    def wait(self) -> None:
        """
        Raises:
            UserError: other jobs hold what is needed.
        """
        if not self.group.wait(_GATHERING):
            raise UserError(
                f"other jobs on the Ray cluster hold what the workers need: {_words(self.need)} each. Gave up after "
                f"{_GATHERING} s. Type ray status to see which, or give fewer --workers."
            )

    def leave(self) -> None:
        from ray.util.placement_group import remove_placement_group

        remove_placement_group(self.group)


class _Actor:
    """Implements `tts_bench.engines.transport.Transport`."""

    def __init__(self, place: _Place, load: Load, arguments: dict[str, Any]) -> None:
        import ray
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        self._place, self._load, self._arguments = place, load, arguments
        self._end = ""
        seat = ray.remote(concurrency_groups={"in": 1, "out": 1})(Seat)
        self.actor: Any = seat.options(
            num_cpus=place.need.get("CPU", 0),
            num_gpus=place.need.get("GPU", 0),
            scheduling_strategy=PlacementGroupSchedulingStrategy(place.group, 0),
        ).remote(__version__, load, arguments)

    def send(self, messages: list[Any]) -> None:
        self.actor.give.options(concurrency_group="in").remote(messages)

    def receive(self) -> Any:  # noqa: ANN401
        import ray

        try:
            return ray.get(self.actor.take.options(concurrency_group="out").remote())
        except ray.exceptions.RayError as error:
            self._end = " ".join(str(error).split())[:300]
            raise EOFError from error

    def end(self) -> None:
        import ray

        with contextlib.suppress(ray.exceptions.RayError):
            ray.get(self.actor.closed.remote(), timeout=_CLOSING)
        ray.kill(self.actor)
        self._place.leave()

    def ending(self) -> str:
        return f"a worker of the Ray cluster ended ({self._end})"

    def again(self) -> _Actor:
        return _Actor(self._place, self._load, self._arguments)


class Seat:
    """The actor: `serve` in a thread, and the two ends of its line."""

    def __init__(self, version: str, load: Load, arguments: dict[str, Any]) -> None:
        environment.prepare()
        self._in: SimpleQueue[Any] = SimpleQueue()
        self._out: SimpleQueue[Any] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, args=(version, load, arguments), daemon=True)
        self._thread.start()

    def give(self, messages: list[Any]) -> None:
        """Hear what the driver says."""
        self._in.put(messages)

    def take(self) -> Any:  # noqa: ANN401
        """What the driver has to hear next; waits for it."""
        return self._out.get()

    def closed(self) -> None:
        """Wait until the engine has closed."""
        self._thread.join()

    def send(self, message: Any) -> None:  # noqa: ANN401
        self._out.put(message)

    def recv(self) -> Any:  # noqa: ANN401
        return self._in.get()

    def _serve(self, version: str, load: Load, arguments: dict[str, Any]) -> None:
        try:
            if version != __version__:
                self.send(
                    UserError(
                        f"the machine {socket.gethostname()} has tts-bench {__version__}, this one {version}. Install "
                        "the same on every machine."
                    )
                )
                return
            serve(self, load, arguments)
        except BaseException as error:  # the driver must not wait for ever for what never comes
            self.send(error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}"))


def model_there(engine: Load, model: str, fingerprint: str, **arguments: Any) -> Engine:
    """Find `model` on the machine of an actor, and load an `engine` with it.

    Raises:
        UserError: it is not there, other files stand there under its name, or as the engine does.
    """
    from tts_bench import models

    try:
        found = models.resolve(model)
    except UserError as error:
        raise UserError(f"on the machine {socket.gethostname()}: {error}") from error
    if found.fingerprint != fingerprint:
        raise UserError(
            f"the machine {socket.gethostname()} has different files under the name {model}: SHA-256 "
            f"{found.fingerprint[:12]} and {fingerprint[:12]}. Use the same files on all machines, or a shared folder."
        )
    return engine(folder=found.folder, fingerprint=fingerprint, **arguments)


def _knock(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if not colon or "//" in address:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCKING).close()  # Ray itself waits a minute
    except (OSError, ValueError) as error:
        raise ConnectionError(f"{error}.") from error


def _check_room(count: int, need: Mapping[str, float]) -> None:
    import ray

    room = sum(_fitting(need))
    if count > room:
        has = ", ".join(f"{ray.cluster_resources().get(kind, 0):g} {kind}" for kind in need)
        much = f"Give --workers {room}." if room else "Add machines that have it."
        raise UserError(
            f"--workers {count}: each needs {_words(need)} of one machine; the Ray cluster has {has} in all, which is "
            f"room for {room}. {much}"
        )


def _fitting(need: Mapping[str, float]) -> list[int]:
    """How many workers fit on each machine that is up."""
    import ray

    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [int(min(resources.get(kind, 0) // much for kind, much in need.items())) for resources in alive]


def _words(need: Mapping[str, float]) -> str:
    return " and ".join(f"{much:g} {kind}" for kind, much in need.items())
