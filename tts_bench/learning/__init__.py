"""Training a continue-thinking token: one embedding row by GRPO, on the harness's own traces."""
