"""tts-bench: comparable accuracy-versus-compute curves for test-time scaling of language models.

`tts_bench.run`, `tts_bench.study` and `tts_bench.load` are the commands from Python (docs/python.md).
"""

from typing import TYPE_CHECKING

from tts_bench.version import __version__

if TYPE_CHECKING:
    from tts_bench.present.results import Results
    from tts_bench.present.study_results import StudyResults
    from tts_bench.python import load, run, study

__all__ = ["Results", "StudyResults", "__version__", "load", "run", "study"]


def __getattr__(name: str) -> object:
    """What takes long to import comes when it is asked for."""
    if name in ("load", "run", "study"):
        from tts_bench import python

        return getattr(python, name)
    if name == "Results":
        from tts_bench.present.results import Results

        return Results
    if name == "StudyResults":
        from tts_bench.present.study_results import StudyResults

        return StudyResults
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
