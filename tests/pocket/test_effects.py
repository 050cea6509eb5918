"""What the shipped model must show, by the gate's sampler and by plain `generate`; a synthetic control in numbers.

The model's card has the gate at full size, from its release; weights and card are known by their digests. Here the
gate's sampler is compared with `generate`, and its measures are tried at a tenth of their size.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest
import torch
from transformers import LlamaForCausalLM

from pocket import gate, tokens
from pocket.playing import Player
from pocket.problems import Problem
from pocket.sampling import Weights
from pocket.splits import ordinary_test
from pocket.traces import prompt
from tests.pocket.shipped import FOLDER, oracle
from tests.tiny import generated

pytestmark = pytest.mark.slow

STOP, END = tokens.ids(tokens.END_THINK)[0], tokens.ids(tokens.END)[0]
COUNT, OURS = 120, 400  # problems of the comparison with generate
TOGETHER = 120
RUNGS = (1, 2)


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    return LlamaForCausalLM.from_pretrained(FOLDER)


@pytest.fixture
def player(model: LlamaForCausalLM) -> Player:
    return Player(Weights(model, oracle()), 11)


class Plain:
    """The model and the oracle under transformers' own `generate`, top-k off; it shares nothing with the harness."""

    def __init__(self) -> None:
        torch.manual_seed(5)
        self.model = LlamaForCausalLM.from_pretrained(FOLDER)
        self.strong = self.model.config.vocab_size
        self.model.resize_token_embeddings(self.strong + 1, mean_resizing=False)
        self.model.model.embed_tokens.weight.data[self.strong] = oracle()

    def go_on(self, contexts: Sequence[list[int]], stop: int, limit: int, greedy: bool = False) -> list[list[int]]:
        """Each context with what was sampled after it, up to and without `stop`."""
        made: list[list[int]] = []
        for start in range(0, len(contexts), TOGETHER):
            group = contexts[start : start + TOGETHER]
            longest = max(map(len, group))
            ids = torch.tensor([[0] * (longest - len(each)) + each for each in group])
            mask = torch.tensor([[0] * (longest - len(each)) + [1] * len(each) for each in group])
            out = generated(
                self.model,
                ids,
                attention_mask=mask,
                do_sample=not greedy,
                temperature=None if greedy else 1.0,
                top_k=None if greedy else 0,
                top_p=None if greedy else 1.0,
                max_new_tokens=limit,
                eos_token_id=stop,
                pad_token_id=stop,
                suppress_tokens=[self.strong],
            )
            for each, row in zip(group, out[:, longest:].tolist(), strict=True):
                made.append([*each, *(row[: row.index(stop)] if stop in row else row)])
        return made

    def share(self, thoughts: Sequence[list[int]], problems: Sequence[Problem]) -> float:
        """Percent of right answers after what was thought."""
        asked = [[*ids, *tokens.ids(f"{tokens.END_THINK}\n\n")] for ids in thoughts]
        told = [
            tokens.tokenizer().decode(after[len(before) :])
            for before, after in zip(asked, self.go_on(asked, END, 12), strict=True)
        ]
        right = [text == f"\\boxed{{{problem.answer}}}" for text, problem in zip(told, problems, strict=True)]
        return 100 * sum(right) / len(right)


@torch.inference_mode()
def test_the_effects_are_those_of_plain_generate_within_sampling_error(player: Player) -> None:
    plain, problems = Plain(), ordinary_test()
    few = problems[:COUNT]
    contexts = [list(tokens.ids(prompt(problem))) for problem in few]
    thoughts = plain.go_on(contexts, STOP, 100)
    theirs = {"x0": plain.share(thoughts, few)}
    theirs["greedy"] = plain.share(plain.go_on(contexts, STOP, 100, greedy=True), few)
    for name, cue in (("Wait", tokens.ids("Wait")), ("oracle", (plain.strong,))):
        extended = thoughts
        for rung in RUNGS:
            extended = plain.go_on([[*ids, *cue] for ids in extended], STOP, 100)
            theirs[f"{name} x{rung}"] = plain.share(extended, few)
    ours_thoughts = player.think(problems[:OURS])
    wait, strong = (player.extend(ours_thoughts, cue, RUNGS[-1]).right for cue in (tokens.ids("Wait"), (plain.strong,)))
    settled = player.extend(player.think(problems[:OURS], greedy=True), (), 0, greedy=True).right
    arms = {"x0": wait[0], "greedy": settled[0]}
    arms |= {f"Wait x{rung}": wait[rung] for rung in RUNGS} | {f"oracle x{rung}": strong[rung] for rung in RUNGS}
    for name, right in arms.items():
        share = sum(right) / len(right)
        error = 100 * (share * (1 - share) * (1 / COUNT + 1 / len(right))) ** 0.5
        assert abs(100 * share - theirs[name]) < 4 * error, name
    assert theirs["Wait x2"] > theirs["x0"] + 6
    assert theirs["oracle x1"] > theirs["Wait x1"] + 14


def test_the_gate_of_the_release_held_and_is_that_of_the_shipped_weights() -> None:
    """At full size. The manifest has the digests of both files: tests/pocket/test_model_folder.py."""
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    assert {"card.json", "model.safetensors"} <= set(map(str, manifest["files"]))
    effects = json.loads((FOLDER / "card.json").read_text())["effects"]
    assert len(effects) == 13
    assert all(effect["holds"] for effect in effects)


@torch.inference_mode()
def test_the_gate_measures_today_what_it_measured_then(model: LlamaForCausalLM, player: Player) -> None:
    """At a tenth of its size: as many of its lines, and what is large enough to be seen with so few problems."""
    strong, few = (model.config.vocab_size,), gate.Sizes(main=120, flat=120, votes=40, flat_votes=40)
    found = {
        effect.name: effect for part in (gate.ordinary, gate.votes, gate.flat) for effect in part(player, strong, few)
    }
    names = [effect["name"] for effect in json.loads((FOLDER / "card.json").read_text())["effects"]]
    assert list(found) == names[:-1]  # but for the search
    seen = ("greedy", "rungs of 16, 24, 32 tokens and all", "vote of 16 over one sample", "thinking ends by itself")
    failed = [gate.line(found[name]) for name in seen if not found[name].holds]
    assert not failed, failed


@torch.inference_mode()
def test_the_best_texts_that_a_search_found_stay_far_from_the_oracle(model: LlamaForCausalLM, player: Player) -> None:
    problems = ordinary_test()[:300]
    thoughts = player.think(problems)

    def share(cue: Sequence[int]) -> float:
        right = player.extend(thoughts, cue, 1).right[1]
        return 100 * sum(right) / len(right)

    wait, strong = share(tokens.ids("Wait")), share((model.config.vocab_size,))
    found = re.search(r"ids ([\d ]+)", (FOLDER / "README.md").read_text())
    assert found, "the card names the best cue"
    cues = [tuple(map(int, found[1].split())), *map(tokens.ids, ("Wait\n26A", "Wait 26A", "Wait26", "\n30A+", "A:"))]
    assert max(map(share, cues)) <= wait + (strong - wait) / 3
