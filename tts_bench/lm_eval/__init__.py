"""lm-eval around a run: its documents as problems, its scores of each rung, and any strategy as one of its models."""
