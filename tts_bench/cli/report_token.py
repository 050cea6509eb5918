"""What `tts-bench train-token` shows: a line a step, warnings, and what the token is worth at the end."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console

from tts_bench.cli.progress_bar import bar
from tts_bench.learning.config import TrainConfig
from tts_bench.learning.evaluation import Evaluation, Gain
from tts_bench.learning.session import prepare, run
from tts_bench.learning.team import Team
from tts_bench.text import safe


def train_and_show(config: TrainConfig, team: Team) -> None:
    """Prepare, train, evaluate and show; of a team, the leading process alone shows.

    Raises:
        UserError: as `prepare` and `run`.
    """
    console = Console(highlight=False, markup=False, force_terminal=sys.stdout.isatty(), quiet=not team.leads)
    with bar() as fetching:
        trainer = prepare(config, fetching if team.leads else None, team)
    info, settings = trainer.model.engine.info, trainer.model.settings
    console.print(safe(f"model     {info.model} (sha256 {info.fingerprint[:12]})"), soft_wrap=True)
    console.print(
        safe(f"thinking  {settings.format.describe()}; at most {settings.max_thinking} tokens"), soft_wrap=True
    )
    exact = "exact" if info.exact else "not exact: a resumed training may differ in rounding"
    console.print(safe(f"engine    {info.name}, {exact}; sampling {settings.continuation}"), soft_wrap=True)
    if team.size > 1:
        console.print(f"team      {team.size} processes; they share rollouts and updates", soft_wrap=True)
    problems = trainer.problems
    held = f"{len(problems.training)} problems of {config.task} ({problems.source}), {len(problems.held_out)} held out"
    console.print(safe(f"data      {held}"), soft_wrap=True)
    console.print(safe(f"training  {trainer.folder.path}; the same command again resumes"), soft_wrap=True)

    def warn(text: str) -> None:
        console.print(safe(f"warning: {text}"), soft_wrap=True)

    found = run(trainer, lambda line: console.print(_step(line, config.steps), soft_wrap=True), warn)
    if not team.leads:
        return
    if found:
        show(found, config.start, console)
    console.print(safe(f"Written to {config.out}: token.safetensors, card.json, log.jsonl, curve.png"), soft_wrap=True)
    console.print(
        safe(f"Try it: tts-bench run --model MODEL --strategy learned-token:token={config.out}"), soft_wrap=True
    )


def _step(line: dict[str, Any], steps: int) -> str:
    parts = [f"step {line['step']:>3}/{steps}"]
    if line["step"]:
        parts.append(f"reward {line['reward']:.3f}")
        parts.append(f"right {line['accuracy']:6.1%} (without it {line['before']:6.1%})")
        parts.append(f"boxed {line['format']:.0%}")
        parts.append(f"cues {line['cues']}/{line['cues_wanted']}")
        parts.append(f"{line['extra_tokens']:+z.0f} tokens")
        parts.append(f"groups {line['groups']}")
    parts.append(f"norm {line['row_norm']:.3f}, cosine {line['cosine']:.3f}")
    if line["step"]:
        seconds = line["seconds"]
        parts.append(
            f"{sum(seconds.values()):.1f} s ({seconds['rollouts'] / max(sum(seconds.values()), 1e-9):.0%} rollouts)"
        )
    if held := line.get("held_out"):
        parts.append(f"held out: right {held['accuracy']:.1%} (without it {held['before']:.1%})")
    return ", ".join(parts)


def show(found: Evaluation, word: str, console: Console) -> None:
    """The token's rungs, each against what its critics would ask for. Differences in points with 95% intervals."""
    console.print()
    heading = f"{found.problems} test problems of {found.task}, {found.baseline:.1%} right without the token"
    console.print(safe(heading), soft_wrap=True)
    for rung in found.rungs:
        facts = [f"right {rung.accuracy:.1%}", f"{rung.tokens:.0f} tokens", f"fixed {rung.fixed:.1%}"]
        facts += [f"spoiled {rung.spoiled:.1%}", *(f"{name} {score:.1%}" for name, score in rung.scores.items())]
        facts.append(f"without an answer {rung.no_answer:.1%}")
        console.print(f"{rung.name}  {', '.join(facts)}", soft_wrap=True)
        for gain, against in (
            (rung.over_none, "no token"),
            (rung.over_word, f"{word} {rung.name}"),
            (rung.over_word_at_equal_tokens, f"{word} at equal tokens"),
            (rung.over_vote_at_equal_tokens, "a vote at equal tokens"),
        ):
            console.print(safe(f"    {_points(gain)} over {against}"), soft_wrap=True)
    if any(r.over_word_at_equal_tokens.beyond or r.over_vote_at_equal_tokens.beyond for r in found.rungs):
        console.print("* the other curve ends at fewer tokens and is held level from there on", soft_wrap=True)
    if found.errors:
        console.print(f"{found.errors} problems ended in errors and are in none of these numbers", soft_wrap=True)


def _points(gain: Gain) -> str:
    star = "*" if gain.beyond else ""
    return f"{100 * gain.mean:+z5.1f} ({100 * gain.low:z.1f} to {100 * gain.high:z.1f}){star}"
