"""The two logits processors, one for each of vLLM's model runners, without an engine around them. `make test-vllm`."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tts_bench.engine import Request, Sampling
from tts_bench.engines.vllm.rows import Row, choose

pytest.importorskip("vllm")

from vllm import SamplingParams
from vllm.v1.sample.logits_processor import BatchUpdate, MoveDirectionality
from vllm.v1.worker.gpu.sample.logits_processor import LogitsContext

from tts_bench.engines.vllm import guard, runner_v1, runner_v2

VOCABULARY, IDS = 40, 64


@pytest.fixture(autouse=True)
def starter() -> None:
    guard.announce()


CONFIG = SimpleNamespace(additional_config={"vocabulary": VOCABULARY})
REQUESTS = [
    Request((1,) * (3 + n), (2,) * n, 9, f"stream {n}", Sampling(temperature=0.0 if n == 2 else 1.5)) for n in range(4)
]
LOGITS = torch.randn(4, IDS, generator=torch.Generator().manual_seed(1)) * 2


def params_of(request: Request) -> SamplingParams:
    return SamplingParams(temperature=0.0, extra_args=Row.describe(request))


def wanted(order: list[int], sampled: int) -> list[int]:
    """The token for each row when `sampled` tokens have been drawn for each request."""
    rows = [Row.read(Row.describe(REQUESTS[n])) for n in order]
    lengths = [3 + 2 * n + sampled for n in order]
    return choose(LOGITS[order].clone(), rows, lengths, VOCABULARY).argmax(dim=1).tolist()


def test_the_first_runners_processor_follows_requests_that_come_move_and_go() -> None:
    draws = runner_v1.Draws(CONFIG, torch.device("cpu"), False)
    assert not draws.is_argmax_invariant()
    outputs: list[list[int]] = [[] for _ in REQUESTS]
    added = [
        (n, params_of(request), [*request.prompt, *request.prefix], outputs[n]) for n, request in enumerate(REQUESTS)
    ]
    draws.update_state(BatchUpdate(4, removed=[], added=added, moved=[]))
    assert draws.apply(LOGITS.clone()).argmax(dim=1).tolist() == wanted([0, 1, 2, 3], 0)
    for output in outputs:
        output += [7, -1]  # vLLM puts -1 where it does not know the token yet
    assert draws.apply(LOGITS.clone()).argmax(dim=1).tolist() == wanted([0, 1, 2, 3], 2)
    moved = [(3, 1, MoveDirectionality.UNIDIRECTIONAL), (0, 2, MoveDirectionality.SWAP)]
    draws.update_state(BatchUpdate(3, removed=[1], added=[], moved=moved))
    draws.update_state(None)
    assert draws.apply(LOGITS[[2, 3, 0]].clone()).argmax(dim=1).tolist() == wanted([2, 3, 0], 2)


def context(slots: list[int], lengths: list[int]) -> LogitsContext:
    mapping = torch.tensor(slots)
    return LogitsContext(
        expanded_idx_mapping=mapping,
        idx_mapping=mapping,
        idx_mapping_np=np.array(slots),
        expanded_local_pos=torch.zeros(len(slots)),
        input_ids=torch.zeros(len(slots)),
        pos=torch.tensor(lengths) - 1,
        seq_lens_upper_bound_np=np.array([*lengths, 0, 0]),  # a buffer, longer than the batch
    )


def test_the_second_runners_processor_draws_the_same_by_slot() -> None:
    draws = runner_v2.Draws(CONFIG, None)
    slots = [5, 0, 3, 9]
    for slot, request in zip(slots, REQUESTS, strict=True):
        assert draws.add_request(slot, params_of(request))
    order = [2, 0, 3, 1]
    given = context([slots[n] for n in order], [3 + 2 * n + 4 for n in order])
    assert draws.apply(LOGITS[order].clone(), given).argmax(dim=1).tolist() == wanted(order, 4)


def test_the_second_runners_processor_leaves_rows_alone_that_are_not_ours() -> None:
    draws = runner_v2.Draws(CONFIG, None)
    assert draws.add_request(1, params_of(REQUESTS[1]))
    assert draws.add_request(2, params_of(REQUESTS[0]))
    assert not draws.add_request(2, SamplingParams())  # the slot has another request now, one of vLLM's own
    found = draws.apply(LOGITS[:3].clone(), context([2, 1, 7], [3, 5, 9]))
    assert torch.equal(found[[0, 2]], LOGITS[[0, 2]])
    assert (
        found[1].argmax().item() == choose(LOGITS[1:2].clone(), [Row.read(Row.describe(REQUESTS[1]))], [5], 40).argmax()
    )
    assert torch.equal(draws.apply(LOGITS[:1].clone(), context([4], [3])), LOGITS[:1])
