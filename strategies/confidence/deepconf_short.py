"""DeepConf offline, with a window for short thinking."""

from __future__ import annotations

from dataclasses import dataclass

from tts_bench.strategies.confidence.deepconf import DeepConf


@dataclass(frozen=True)
class DeepConfShort(DeepConf):
    """DeepConf offline (arXiv 2508.15260) with a window for short thinking, such as on GSM8K.

    The paper's window of 2048 tokens is about a tenth of its traces on AIME. Thinking on GSM8K takes some hundred
    tokens, of which 64 are about a tenth. With 2048 such a trace is one group and all scores are the mean.

    Differs: the window only. Everything else is as in deepconf.
    Costs: every sample of the pool, including those that do not vote.
    Unsuitable if: thinking takes thousands of tokens, since a window of 64 is then mostly noise.

    Options:
        samples: number of samples.
        budget: thinking tokens of each sample; none sets no limit.
        score: of all tokens (mean), of the last window (tail), of the lowest tenth of the groups (bottom), or of the
            lowest group (lowest).
        keep: percentage of the samples with an answer that vote, at least one sample.
        window: tokens of a group, and of the tail.
        top: how many of the largest log-probabilities are averaged at each token, at least 2.
        weighted: whether votes are weighted by the trace's confidence; otherwise all count the same.
    """

    window: int = 64
