"""From problems to records: the lm-eval model, the run loop, scoring by lm-eval, and what is written down."""
