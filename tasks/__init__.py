"""The tasks: lm-eval YAML files, their few functions, and the data that may be shipped."""

from pathlib import Path

FOLDER = Path(__file__).parent  # what lm-eval's --include_path takes
