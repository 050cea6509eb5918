"""DeepConf online, with a window for short thoughts."""

from __future__ import annotations

from dataclasses import dataclass

from tts_bench.strategies.confidence.deepconf_online import DeepConfOnline


@dataclass(frozen=True)
class DeepConfOnlineShort(DeepConfOnline):
    """DeepConf online (arXiv 2508.15260) with a window for short thoughts, such as those on GSM8K.

    The paper's window of 2048 tokens is about a tenth of its traces on AIME. Thinking on GSM8K takes some hundred
    tokens, of which 64 are about a tenth. With 2048 no such trace could ever die.

    Differs: the window, as said. All else as in deepconf-online.
    Costs: the warm-up in full and dead traces up to their end. Later samples wait for each other, which is latency.
    Wrong where: thinking takes thousands of tokens; a window of 64 then kills by noise.

    Options:
        warmup: samples that are drawn in full before the line is set.
        samples: how many traces at most, the warm-up among them.
        budget: thinking tokens of each sample; none sets no limit.
        keep: per cent of the warm-up above the line; 10 is the paper's DeepConf-low, 90 its DeepConf-high.
        tau: share of the weight at which the leading answer ends the drawing; none draws all samples.
        window: tokens of a group.
        top: how many of the largest log-probabilities are averaged at each token.
    """

    window: int = 64
