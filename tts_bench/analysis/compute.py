"""What compute can be measured in: the axes of curves and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tts_bench.errors import UserError, did_you_mean
from tts_bench.measures import MEASURES, weights


@dataclass(frozen=True)
class ComputeAxis:
    """An amount that is a weighted sum of an answer's costs."""

    name: str
    unit: str  # after a number: "2.9 times the tokens"
    label: str  # below a curve
    weights: Mapping[str, float]  # attribute of `api.Cost` or of a curve's point -> factor

    @property
    def decimal(self) -> bool:
        """Whether its numbers are read as powers of ten; tokens are read as powers of two."""
        return self.unit in ("FLOPs", _SECONDS)

    def place(self, bill: Any) -> float:  # noqa: ANN401
        """The same on a logarithmic axis, where nothing has no place."""
        return max(self.of(bill), 1e-9 if self.decimal else 1.0)

    def of(self, bill: Any) -> float:  # noqa: ANN401 - a Cost or a Point: they name these attributes alike
        return float(sum(factor * getattr(bill, name) for name, factor in self.weights.items()))


AXES = {row.axis.name: ComputeAxis(*row.axis, weights(row)) for row in MEASURES if row.axis}
GENERATED = AXES["tokens"]
_SECONDS = "seconds"


def comparable(name: str) -> ComputeAxis:
    """The axis called `name`, of those by which strategies can be compared.

    Raises:
        UserError: no such axis, or seconds.
    """
    if name == _SECONDS:
        raise UserError(f"{_SECONDS} depend on machine load and cannot be compared; use flops.")
    if name not in AXES:
        raise UserError(f"there is no axis {name!r}. {did_you_mean(name, AXES)}")
    return AXES[name]


def axis_of(name: str, header: Mapping[str, Any]) -> ComputeAxis:
    """The axis called `name`; `header` is the run.json of the run, for the hardware behind `seconds`.

    Seconds are those the engine was busy, shared out by generated tokens: problems are decoded together, so that none
    has a time of its own. They are of this run's batches on this hardware, which the label names.

    Raises:
        UserError: no such axis, or a run that measured no time since all it needed was in the store.
    """
    if name in AXES:
        return AXES[name]
    if name != _SECONDS:
        raise UserError(f"there is no axis {name!r}. {did_you_mean(name, [*AXES, _SECONDS])}")
    if header.get("status", "finished") != "finished":
        raise UserError("a run that is not finished has measured no time yet. Use another --x.")
    made = header.get("timing", {}).get("tokens", {}).get("made", 0)
    seconds = header.get("timing", {}).get("engine_seconds", 0.0)
    if not made or not seconds:
        raise UserError(
            "no time was measured: this run found all generations in the store. Use another --x, or repeat the "
            "run with an empty --store."
        )
    hardware = header.get("hardware", {})
    place = hardware.get("gpu") or hardware.get("processor") or "unknown hardware"
    rate = made / seconds
    speed = f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
    label = f"engine seconds per problem, at {speed} tokens a second on {place}"
    return ComputeAxis(_SECONDS, _SECONDS, label, {"generated": seconds / made})
