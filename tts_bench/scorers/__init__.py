"""Scorers of answers and traces: reward models, judges, functions. Each kind declares itself, as engines do."""
