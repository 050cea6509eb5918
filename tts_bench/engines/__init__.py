"""Generation engines: `hf` (transformers) and `scripted` (a pure function, for tests and plugin authors)."""
