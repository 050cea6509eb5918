"""DeepConf online, with a window for short thinking."""

from __future__ import annotations

from dataclasses import dataclass

from tts_bench.strategies.confidence.deepconf_online import DeepConfOnline


@dataclass(frozen=True)
class DeepConfOnlineShort(DeepConfOnline):
    """DeepConf online (arXiv 2508.15260) with a window for short thinking, such as on GSM8K.

    The paper's window of 2048 tokens is about a tenth of its traces on AIME. Thinking on GSM8K takes some hundred
    tokens, of which 64 are about a tenth. With 2048, no such trace could ever be stopped.

    Differs: the window only. Everything else is as in deepconf-online.
    Costs: the warm-up in full, and stopped traces up to their stop. Later samples are drawn one after another,
    which adds latency.
    Unsuitable if: thinking takes thousands of tokens, since a window of 64 then stops samples because of noise.

    Options:
        warmup: samples that are drawn in full to set the threshold.
        samples: maximum number of samples, including the warm-up.
        budget: thinking tokens of each sample; none sets no limit.
        keep: percentage of the warm-up above the threshold; 10 is the paper's DeepConf-low, 90 its DeepConf-high.
        tau: share of the weight at which the leading answer stops sampling; none draws all samples.
        window: tokens of a group.
        top: how many of the largest log-probabilities are averaged at each token, at least 2.
    """

    window: int = 64
