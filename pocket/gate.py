"""The gate of the pocket reasoner: every effect that it must show, measured, each with its bound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice, pairwise
from random import Random
from typing import Any

import numpy as np
import torch

from pocket import search, tokens
from pocket.playing import Player, Thought
from pocket.problems import Problem, held_out
from pocket.sampling import Weights
from pocket.splits import FLAT_ROWS, TEST_ROWS, flat_test, ordinary_test
from pocket.traces import prompt

NEUTRAL = ("Hmm", ".", "So")
# Tokens at which a first thinking is cut. A shorter one holds two lines at most: at any length, 3 to 5% are right.
BUDGETS = (16, 24, 32)
_FRESH = 1200  # problems that judge the best cues of the search


@dataclass(frozen=True)
class Sizes:
    """Problems of each measurement."""

    main: int = TEST_ROWS
    flat: int = FLAT_ROWS
    votes: int = 400
    flat_votes: int = FLAT_ROWS
    fresh: int = _FRESH


QUICK = Sizes(main=330, flat=750, votes=100, flat_votes=250, fresh=300)


@dataclass(frozen=True)
class Effect:
    """One line of the gate's table. Accuracies and their differences are in percentage points."""

    name: str
    bound: str
    measured: str
    holds: bool


def judge(
    model: Any,  # noqa: ANN401 - a LlamaForCausalLM, which must not be imported for its name alone
    oracle: torch.Tensor,
    seed: int = 0,
    sizes: Sizes = Sizes(),
    say: Callable[[str], None] = print,
) -> list[Effect]:
    """Measure every effect of the released `model`, with the `oracle` row [hidden] as the strong cue."""
    with torch.inference_mode():
        player = Player(Weights(model, oracle), seed)
        strong = (model.config.vocab_size,)
        effects: list[Effect] = []
        for part in (ordinary, votes, flat):
            for effect in part(player, strong, sizes):
                effects.append(effect)
                say(line(effect))
        effects.append(no_text(player, strong, seed, sizes))
        say(line(effects[-1]))
    return effects


def line(effect: Effect) -> str:
    return f"{'holds' if effect.holds else 'FAILS'}  {effect.name}: {effect.measured} (must be: {effect.bound})"


def table(effects: Sequence[Effect]) -> list[dict[str, Any]]:
    return [asdict(effect) for effect in effects]


def ordinary(player: Player, strong: tuple[int, ...], sizes: Sizes) -> list[Effect]:
    """Greedy, sampled, cut, after cues and after the oracle row, on `pocket_arithmetic`."""
    problems = ordinary_test()[: sizes.main]
    settled = player.think(problems, greedy=True)
    greedy = player.extend(settled, (), 0, greedy=True)
    thoughts = player.think(problems)
    wait = player.extend(thoughts, tokens.ids("Wait"), 4)
    oracle = player.extend(thoughts, strong, 4)
    neutral = {cue: player.extend(thoughts, tokens.ids(cue), 4) for cue in NEUTRAL}
    ended = min(_share([each.ended for each in made]) for made in (thoughts, settled))
    ended = min(ended, 100 * wait.ended, 100 * oracle.ended)
    low, gain, _ = _paired(wait.right[0], wait.right[4])
    flips = _share([was and not now for was, now in zip(wait.right[0], wait.right[4], strict=True)])
    rungs = [_share(player.extend(_cut(thoughts, budget), (), 0).right[0]) for budget in BUDGETS]
    rungs.append(_share(wait.right[0]))
    leads = [_share(oracle.right[x]) - _share(wait.right[x]) for x in range(5)]
    gains = {cue: _share(arm.right[4]) - _share(arm.right[0]) for cue, arm in neutral.items()}
    base, waits = _share(wait.right[0]), [_share(right) for right in wait.right]
    rising = all(later > sooner - 1 for sooner, later in pairwise(waits)) and waits[4] > waits[1]
    climbing = all(later > sooner for sooner, later in pairwise(rungs))
    return [
        Effect("greedy", "80 to 95", f"{_share(greedy.right[0]):.1f}", 80 <= _share(greedy.right[0]) <= 95),
        Effect("sampled", "50 to 65", f"{base:.1f} with {wait.sampled[0]} tokens", 50 <= base <= 65),
        Effect(
            f"rungs of {', '.join(map(str, BUDGETS))} tokens and all",
            "rising, the first under 10",
            _series(rungs),
            rungs[0] < 10 and climbing,
        ),
        Effect("Wait x0 to x4", "rising", f"{_series(waits)} with {wait.sampled[4]} tokens", rising),
        Effect(
            "gain of Wait x4",
            "at least 12, paired 95% interval above 8",
            f"{gain:+z.1f} from {low:+z.1f}",
            gain >= 12 and low > 8,
        ),
        Effect("right to wrong under Wait x4", "above 3", f"{flips:.1f}", flips > 3),
        Effect(
            "gain of neutral cues x4",
            "at most a third of the gain of Wait x4",
            ", ".join(f"{cue!r} {value:+z.1f}" for cue, value in gains.items()),
            max(gains.values()) <= gain / 3,
        ),
        Effect(
            "oracle row x0 to x4",
            "at least 18 over Wait at x1, 12 at x4",
            f"{_series(map(_share, oracle.right))} with {oracle.sampled[4]} tokens; "
            f"over Wait {leads[1]:+z.1f} and {leads[4]:+z.1f}",
            leads[1] >= 18 and leads[4] >= 12,
        ),
        Effect("thinking ends by itself", "at least 99, greedy and sampled", f"{ended:.2f}", ended >= 99),
    ]


def votes(player: Player, strong: tuple[int, ...], sizes: Sizes) -> list[Effect]:
    """Votes, alone and at the tokens of the oracle row."""
    problems = ordinary_test()[: sizes.votes]
    answers, tokens_each = _ballots(player, problems, 16)
    one = 100 * float(np.mean([[a == p.answer for a in row] for row, p in zip(answers, problems, strict=True)]))
    sizes_of_vote = (2, 4, 8, 16)
    shares = {size: _share(_vote(answers, problems, size)) for size in sizes_of_vote}
    oracle = player.extend(player.think(problems), strong, 1)
    same = max(1, round(oracle.sampled[1] / tokens_each))
    return [
        Effect(
            "vote of 16 over one sample",
            "at least 25",
            f"{shares[16] - one:+z.1f} ({one:.1f}; votes of {', '.join(map(str, sizes_of_vote))}: "
            f"{_series(shares.values())}; n = {len(problems)})",
            shares[16] - one >= 25,
        ),
        Effect(
            "equal tokens: oracle x1 against a vote",
            "reported",
            f"oracle {_share(oracle.right[1]):.1f} with {oracle.sampled[1]} tokens, vote of {same} "
            f"{_share(_vote(answers, problems, same)):.1f} with {same * tokens_each:.1f}",
            True,
        ),
    ]


def flat(player: Player, strong: tuple[int, ...], sizes: Sizes) -> list[Effect]:
    """The negative control: paired moves from the baseline.

    A full check redraws the one misread event, so that a single x4 less a single x0 has a 95% interval of 2 points at
    3,000 problems. Hence a cue's move is the mean of x1 to x4 less x0.
    """
    problems = flat_test()[: sizes.flat]
    thoughts = player.think(problems)
    cues = {"Wait": tokens.ids("Wait"), "oracle": strong, "Hmm": tokens.ids("Hmm")}
    rungs = {name: [_share(right) for right in player.extend(thoughts, cue, 4).right] for name, cue in cues.items()}
    moves = {name: float(np.mean(shares[1:])) - shares[0] for name, shares in rungs.items()}
    few = problems[: sizes.flat_votes]
    answers, _ = _ballots(player, few, 16)
    one = 100 * float(np.mean([[a == p.answer for a in row] for row, p in zip(answers, few, strict=True)]))
    moves["vote of 16"] = _share(_vote(answers, few, 16)) - one
    listed = ", ".join(f"{name} {move:+z.1f}" for name, move in moves.items())
    single = ", ".join(f"{name} {_series(shares)}" for name, shares in rungs.items())
    return [
        Effect(
            "flat: moves from the baseline",
            "each within 2",
            f"{listed} (x0 to x4: {single}; n = {len(problems)}, votes {len(few)})",
            all(abs(move) <= 2 for move in moves.values()),
        )
    ]


def no_text(player: Player, strong: tuple[int, ...], seed: int, sizes: Sizes) -> Effect:
    """How far the best text that a search finds comes towards the oracle row."""
    best, tried = search.best_cues(player, Random(f"search/{seed}"))
    draw = Random(f"fresh/{seed}")
    problems = list(islice(held_out(draw, "ordinary"), sizes.fresh))
    thoughts = player.think(problems)
    wait, oracle = (_share(player.extend(thoughts, cue, 1).right[1]) for cue in (tokens.ids("Wait"), strong))
    found = {cue: _share(player.extend(thoughts, cue, 1).right[1]) for cue in best}
    cue = max(found, key=lambda each: found[each])
    way = (found[cue] - wait) / (oracle - wait)
    return Effect(
        "best text cue of the search x1, on fresh problems",
        "at most .33 of the way from Wait to the oracle",
        f"{way:.2f}: {_spell(cue)} {found[cue]:.1f}, Wait {wait:.1f}, oracle {oracle:.1f} "
        f"(n = {len(problems)}; {tried} cues tried)",
        way <= 1 / 3,
    )


def _spell(cue: Sequence[int]) -> str:
    return f"{tokens.tokenizer().decode(cue, skip_special_tokens=False)!r} (ids {' '.join(map(str, cue))})"


def _cut(thoughts: Sequence[Thought], budget: int) -> list[Thought]:
    lengths = [len(tokens.ids(prompt(thought.problem))) + budget for thought in thoughts]
    return [Thought(t.problem, t.ids[:length], t.ended) for t, length in zip(thoughts, lengths, strict=True)]


def _ballots(player: Player, problems: Sequence[Problem], count: int) -> tuple[list[list[int | None]], float]:
    """`count` answers to each problem, and the mean tokens of one."""
    repeated = [problem for problem in problems for _ in range(count)]
    arm = player.extend(player.think(repeated), (), 0)
    flat = arm.answers[0]
    return [flat[start : start + count] for start in range(0, len(flat), count)], arm.sampled[0]


def _vote(answers: Sequence[Sequence[int | None]], problems: Sequence[Problem], size: int) -> list[bool]:
    """Whether the most frequent of the first `size` answers, the first seen of equals, is right."""
    winners = [Counter(row[:size]).most_common(1)[0][0] for row in answers]
    return [winner == problem.answer for winner, problem in zip(winners, problems, strict=True)]


def _share(right: Sequence[bool]) -> float:
    return 100 * sum(right) / len(right)


def _paired(before: Sequence[bool], after: Sequence[bool]) -> tuple[float, float, float]:
    """The paired difference in points with its 95% interval: low, mean, high (normal approximation)."""
    change = 100 * (np.asarray(after, float) - np.asarray(before, float))
    half = 1.96 * change.std(ddof=1) / len(change) ** 0.5
    return float(change.mean() - half), float(change.mean()), float(change.mean() + half)


def _series(values: Any) -> str:  # noqa: ANN401 - any iterable of numbers
    return " ".join(f"{value:.1f}" for value in values)
