"""A run: what is run on what, checked, played, scored, written down and resumed."""
