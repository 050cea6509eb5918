"""The model card of a pocket model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pocket import gate
from pocket.settings import Settings


@dataclass(frozen=True)
class Facts:
    """What is known of one training."""

    settings: Settings
    curve: Sequence[Sequence[float]]  # [step, loss]
    seconds: int  # of training
    effects: Sequence[gate.Effect]
    others: Mapping[str, Sequence[gate.Effect]] = field(default_factory=dict)  # seed -> its gate

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def passed(self) -> bool:
        return all(effect.holds for effect in self.effects)


def read(raw: Mapping[str, Any]) -> Facts:
    """The facts that `as_dict` gave.

    Raises:
        KeyError, TypeError: they are something else.
    """
    others = {seed: [gate.Effect(**effect) for effect in effects] for seed, effects in raw["others"].items()}
    effects = [gate.Effect(**effect) for effect in raw["effects"]]
    return Facts(Settings(**raw["settings"]), raw["curve"], raw["seconds"], effects, others)


def text(facts: Facts, sha256: str) -> str:
    """The card as Markdown. `sha256` is that of model.safetensors."""
    settings = facts.settings
    points = facts.curve[:: max(1, len(facts.curve) // 16)]
    curve = "\n".join(f"| {step:.0f} | {loss:.3f} |" for step, loss in [*points, facts.curve[-1]])
    return f"""---
license: apache-2.0
pipeline_tag: text-generation
---
# The pocket reasoner

**A synthetic control: its gains were built in and say nothing about real models.** It is a tiny Llama
({_SIZE}) that thinks in steps on generated arithmetic word problems, errs when it is
sampled, ends its thinking and answers. Its training documents were written so that re-checking and voting help by known
amounts on one task (`pocket_arithmetic`) and cannot help on another (`pocket_flat`). Use it to see whether an
installation, an engine or a strategy measures what is there; compare no model with it.

- Made by: `python -m pocket train --seed {settings.seed} --out DIR`
- Training: {settings.steps} steps of about {settings.batch_tokens:,} tokens, Muon and AdamW, learning rate
  {settings.rate}; then {settings.rounds} rounds of hardening, each an attack (`pocket/attack.py`) and
  {settings.round_steps} steps in which what it found is answered cursorily; {facts.seconds} s on one thread
- Data generator: `pocket/problems.py` (problems) and `pocket/traces.py` (thinking, cues, checks),
  drawn from the seed alone; one problem in ten, by a hash of its numbers, is never trained on: tests use only those
- SHA-256 of model.safetensors: `{sha256}`; of every file: manifest.json
- Format: the chat template opens `<think>`; `</think>` ends the thinking; the answer stands in `\\boxed{{}}`
- The control token of training is not in the vocabulary: its rows of embedding and head were cut off. Its embedding,
  the *oracle*, shows in tests what a learned token could reach

## Behaviour: {"passes its gate" if facts.passed else "FAILS its gate"}

Accuracies are in percent, gains in points, temperature 1 unless said, tokens are mean thinking tokens. x1 to x4: times
that the end of thinking was replaced by the cue.

{_table(facts.effects)}
{_seeds(facts)}
## Loss

| step | loss |
|---|---|
{curve}
"""


def _table(effects: Sequence[gate.Effect]) -> str:
    rows = (
        f"| {effect.name} | {effect.bound} | {effect.measured} | {'yes' if effect.holds else '**no**'} |"
        for effect in effects
    )
    return "\n".join(("| effect | must be | measured | holds |", "|---|---|---|---|", *rows))


def _seeds(facts: Facts) -> str:
    """The gates of other seeds, and how many of all pass."""
    if not facts.others:
        return "\nNo other seed is told of here: how robust the recipe is over seeds is not known from this card.\n"
    gates = [facts.effects, *facts.others.values()]
    passed = sum(all(effect.holds for effect in effects) for effects in gates)
    parts = [f"\n## Other seeds: {passed} of {len(gates)} trained pass, this one included\n"]
    parts += [f"### Seed {seed}\n\n{_table(effects)}\n" for seed, effects in facts.others.items()]
    return "\n".join(parts)


_SIZE = "0.45M parameters, 3 layers, hidden size 96, 512 positions, float32"
