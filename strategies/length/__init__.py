"""Trust samples by the length of their thinking."""
