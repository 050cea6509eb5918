"""Chat templates: programs of strangers, run in jinja's sandbox and tried in a process of their own first."""

from tts_bench.templates.template import EFFORTS, ChatTemplate
from tts_bench.templates.trial import Case, Message, Trial, tried

__all__ = ["EFFORTS", "Case", "ChatTemplate", "Message", "Trial", "tried"]
