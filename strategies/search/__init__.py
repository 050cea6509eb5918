"""Search over steps of thinking, guided by a scorer."""
