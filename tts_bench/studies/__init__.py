"""Studies: models, tasks, seeds and strategies in one file, played as runs in one folder, and read as one table."""
