"""Learned continue-thinking tokens."""
