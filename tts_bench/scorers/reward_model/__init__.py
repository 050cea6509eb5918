"""Reward models from transformers: of the outcome, or of each step in the family's layout."""
