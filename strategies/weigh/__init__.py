"""Weigh samples, or choose one of them."""
