"""What a run's records say: curves, tables and pictures."""
