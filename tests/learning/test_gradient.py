"""The gradient that reaches the row, held against a worked example, a plain formula and finite differences."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from tests.tiny import make_tiny
from tts_bench.api import Segment, Trace
from tts_bench.learning import grpo
from tts_bench.learning.loss import check_head, log_probabilities, surrogate
from tts_bench.learning.sequences import CUE, NOTHING, Sequence, sequence

LEARNED = 1 << 48
END = 2


def trace(*parts: tuple[str, tuple[int, ...], tuple[int, ...], int]) -> Trace:
    """Of (kind, tokens, end, paid) each."""
    segments, start = [], 0
    for kind, tokens, end, paid in parts:
        segments.append(Segment(kind, tokens, "", "", start, end=end, paid=paid))  # type: ignore[arg-type]
        start += len(tokens)
    return Trace(tuple(segments))


def forced_twice(prompt: int, first: int, second: int) -> Trace:
    """Two forced events: after the cues the model samples `first` and `second`, and ends its thinking each time."""
    return trace(
        ("prompt", (prompt,), (), 0),
        ("thinking", (0, 1), (END,), 0),
        ("cue", (LEARNED,), (), 0),
        ("thinking", (first,), (END,), 0),
        ("cue", (LEARNED,), (), 0),
        ("thinking", (second,), (END,), 0),
        ("closing", (END, 0), (), 1),
        ("answer", (1,), (END,), 0),
    )


def plain_model() -> PreTrainedModel:
    """What a token says of the next one is its normed embedding times the head: the layer adds nothing."""
    config = LlamaConfig(
        vocab_size=3, hidden_size=2, intermediate_size=2, num_hidden_layers=1, num_attention_heads=1,
        num_key_value_heads=1, rms_norm_eps=0.0, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.model.layers[0].self_attn.o_proj.weight.zero_()
        model.model.layers[0].mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.fill_(1.0)
        model.lm_head.weight.copy_(torch.tensor([[0.0, 0.0], [math.log(2), 0.0], [0.0, 0.0]]))
    return cast(PreTrainedModel, model.requires_grad_(False).eval())


def test_the_gradient_is_that_of_an_example_worked_by_hand() -> None:
    # The row is (1, 1), its own norm. After a cue the logits are (0, ln 2, 0): probabilities 1/4, 1/2, 1/4.
    # d log p(y) / d normed = w_y - sum p w: (ln 2 / 2, 0) for y = 1, minus that for another y.
    # d normed / d row = [[1/2, -1/2], [-1/2, 1/2]], so d log p / d row = +-(ln 2 / 4, -ln 2 / 4).
    # Two prompts, rewards (1.1, 0.1) and (0.1, 1.1): advantages (1, -1) and (-1, 1).
    #   after the cues: 1 1 | 0 1 | 0 2 | 1 0, so sum A (ones - others) = 1*2 - 1*0 - 1*(-2) + 1*0 = 4.
    # No other token depends on the row. Sampled from the first cue on: 6 a rollout, 24 in all.
    # The loss has the gradient -(4 / 24) (ln 2 / 4, -ln 2 / 4) = (-0.028881, 0.028881).
    traces = [forced_twice(0, 1, 1), forced_twice(0, 0, 1), forced_twice(1, 0, 2), forced_twice(1, 1, 0)]
    weights = [*grpo.advantages([1.1, 0.1]), *grpo.advantages([0.1, 1.1])]
    assert weights == pytest.approx([1, -1, -1, 1])
    rows = []
    for micro_batch in (1, 3, 4):
        row = torch.ones(2, requires_grad=True)
        sequences = [sequence(one, weight) for one, weight in zip(traces, weights, strict=True)]
        settings = grpo.Settings(vocabulary=3, temperature=1.0, inner=1, clip=0.2, micro_batch=micro_batch)
        optimizer = torch.optim.SGD([row], lr=1.0)
        change = grpo.update(plain_model(), row, optimizer, [one for one in sequences if one], settings)
        assert change.tokens == 24
        rows.append(row.detach())
    for row in rows:
        assert (row - 1).tolist() == pytest.approx([0.0288811, -0.0288811], abs=1e-6)


def plain_sum(model: PreTrainedModel, row: Tensor, one: Trace, vocabulary: int, weight: float = 1.0) -> Tensor:
    """`weight` times the log-probabilities of what was sampled from the first cue on, in one plain forward pass."""
    tokens, cue = torch.tensor(one.tokens), torch.tensor([token == LEARNED for token in one.tokens])
    embedded = model.get_input_embeddings()(torch.where(cue, 0, tokens))
    embedded = torch.where(cue[:, None], row.to(embedded.dtype), embedded)
    logits = model(inputs_embeds=embedded[None], use_cache=False).logits[0, :, :vocabulary]
    found = logits.log_softmax(-1)
    total: Tensor = logits.new_zeros(())
    place, seen = 0, False
    for segment in one.segments:
        seen |= segment.kind == "cue"
        if seen and segment.kind in ("thinking", "answer"):
            for offset, token in enumerate((*segment.tokens, *segment.end[:1])):
                total = total + found[place - 1 + offset, token]
        place += len(segment.tokens)
    return total * weight


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> PreTrainedModel:
    folder = make_tiny(tmp_path / "m", "llama", request.param, padding=5)
    found = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    for layer in [*found.model.layers, found.model]:  # transformers' own norms round to float32
        for name in ("input_layernorm", "post_attention_layernorm", "norm"):
            if hasattr(layer, name):
                norm = torch.nn.RMSNorm(64, eps=1e-6, dtype=torch.float64)
                norm.weight.data.copy_(getattr(layer, name).weight.data)
                setattr(layer, name, norm)
    return cast(PreTrainedModel, found.requires_grad_(False).eval())


def different_traces() -> list[Trace]:
    """Of several lengths, with a prefix that two share, an end of two tokens, and one cut off while thinking."""
    return [
        forced_twice(5, 40, 41),
        forced_twice(5, 60, 61),
        trace(
            ("prompt", (7, 8, 9), (), 0),
            ("thinking", (30,), (50, 51), 0),
            ("cue", (LEARNED,), (), 0),
            ("thinking", (), (50, 51), 0),
            ("cue", (LEARNED,), (), 0),
            ("thinking", (31, 32, 33), (50, 51), 0),
            ("closing", (50, 51, 52), (), 2),
            ("answer", (34,), (), 0),
        ),
        trace(
            ("prompt", (11,), (), 0),
            ("thinking", (12,), (END,), 0),
            ("cue", (LEARNED,), (), 0),
            ("thinking", (13, 14), (), 0),
            ("closing", (END, 0), (), 0),
            ("answer", (15,), (END,), 0),
        ),
    ]


def test_log_probabilities_and_their_gradient_are_those_of_one_plain_pass(model: PreTrainedModel) -> None:
    row = torch.randn(64, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    vocabulary = model.config.vocab_size - 5
    traces = different_traces()[:2]
    batch = [one for one in map(sequence, traces) if one]
    [first, second] = log_probabilities(model, row, batch, vocabulary=vocabulary)
    ours = first.sum() - 0.5 * second.sum()
    theirs = plain_sum(model, row, traces[0], vocabulary) + plain_sum(model, row, traces[1], vocabulary, -0.5)
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-9)
    [own], [other] = torch.autograd.grad(ours, row), torch.autograd.grad(theirs, row)
    assert float((own - other).abs().max()) < 1e-9 * float(other.abs().max())
    assert check_head(model)


def test_the_gradient_agrees_with_finite_differences(model: PreTrainedModel) -> None:
    row = torch.randn(64, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    batch = [one for one in map(sequence, different_traces()) if one]
    olds = [part.detach() + 0.05 for part in log_probabilities(model, row, batch, vocabulary=300)]

    def loss() -> Tensor:
        found = log_probabilities(model, row, batch, vocabulary=300, temperature=0.8)
        pairs = zip(found, olds, (1.0, -1.5, 0.5, 2.0), strict=True)
        return torch.cat([surrogate(new, old, weight, 10.0) for new, old, weight in pairs]).mean()

    [exact] = torch.autograd.grad(loss(), row)
    chance = torch.Generator().manual_seed(3)
    for _ in range(4):
        way = torch.randn(64, dtype=torch.float64, generator=chance)
        with torch.no_grad():
            row += 1e-6 * way
            above = float(loss())
            row -= 2e-6 * way
            below = float(loss())
            row += 1e-6 * way
        assert (above - below) / 2e-6 == pytest.approx(float(exact @ way), rel=1e-5)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "slope"),
    [
        (1.0, 1.0, -1.0, -1.0),
        (1.3, 1.0, -1.2, 0.0),
        (0.7, 1.0, -0.7, -0.7),
        (0.7, -1.0, 0.8, 0.0),
        (1.3, -1.0, 1.3, 1.3),
    ],
)
def test_beyond_the_clip_range_nothing_is_gained(ratio: float, advantage: float, loss: float, slope: float) -> None:
    new = torch.tensor([math.log(ratio)], dtype=torch.float64, requires_grad=True)
    found = surrogate(new, torch.zeros(1, dtype=torch.float64), advantage, 0.2)
    assert float(found.detach()) == pytest.approx(loss)
    assert float(torch.autograd.grad(found, new)[0]) == pytest.approx(slope)


TOKENS = st.lists(st.integers(0, 99), max_size=4).map(tuple)
EVENT = st.tuples(TOKENS, st.booleans())  # thinking, and whether it ended by itself


@given(st.lists(EVENT, min_size=1, max_size=5), TOKENS, st.integers(1, 3))
def test_what_was_put_in_and_what_stands_before_the_first_cue_is_in_no_loss(
    events: list[tuple[tuple[int, ...], bool]], answer: tuple[int, ...], end_length: int
) -> None:
    end = tuple(range(200, 200 + end_length))
    parts: list[tuple[str, tuple[int, ...], tuple[int, ...], int]] = [("prompt", (1, 2), (), 0)]
    for place, (tokens, ended) in enumerate(events):
        parts.append(("thinking", tokens, end if ended or place < len(events) - 1 else (), 0))
        parts.append(("cue", (LEARNED,), (), 0))
    last_ended = events[-1][1]
    parts[-1] = ("closing", (*end, 300), (), end_length if last_ended else 0)
    parts.append(("answer", answer, (END,), 0))
    found = sequence(trace(*parts))
    if len(events) == 1:
        assert found is None
        return
    assert found is not None
    assert len(found.inputs) == len(found.targets)
    first = 1 + 1  # prompt and first thinking
    own = [segment for segment in trace(*parts).segments[first:] if segment.kind in ("thinking", "answer")]
    ends = sum(bool(segment.end) for segment in own) + (end_length - 1) * last_ended
    assert found.sampled == sum(len(segment.tokens) for segment in own) + ends
    assert found.inputs[0] == CUE
    assert LEARNED not in found.prefix
    # What follows in the trace and was sampled there is the target; ends that were replaced are all that differs.
    for target, following in zip(found.targets, found.inputs[1:], strict=False):
        assert target in (NOTHING, following) or (target, following) in ((200, CUE),)
    assert 300 not in found.targets
    assert LEARNED not in found.targets


def test_equal_rewards_have_no_advantage_however_the_mean_rounds() -> None:
    assert grpo.advantages([1.1] * 16) == [0.0] * 16
    assert grpo.advantages([0.1] * 3) == [0.0] * 3


def test_without_sequences_an_update_changes_nothing() -> None:
    row = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.AdamW([row], lr=1.0)
    settings = grpo.Settings(vocabulary=3, temperature=1.0, inner=2, clip=0.2, micro_batch=4)
    assert grpo.update(plain_model(), row, optimizer, [], settings) == grpo.Change(0, 0.0, 0.0)
    assert row.tolist() == [1.0, 1.0]
    assert not optimizer.state


def test_a_trace_without_a_cue_has_no_sequence() -> None:
    assert sequence(trace(("prompt", (1,), (), 0), ("thinking", (2,), (), 0), ("answer", (3,), (), 0))) is None
    assert Sequence((1,), (CUE,), (NOTHING,)).sampled == 0
