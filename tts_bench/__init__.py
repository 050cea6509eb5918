"""tts-bench: comparable accuracy-versus-compute curves for test-time scaling of language models."""

__version__ = "0.2.0"
