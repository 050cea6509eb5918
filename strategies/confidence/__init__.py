"""Weigh samples by the log-probabilities of their thinking."""
