"""Search over steps of thinking, led by a scorer."""
