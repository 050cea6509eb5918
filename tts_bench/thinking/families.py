"""Model families by how they think: delimiters, what opens the answer, and what tells a family from others.

Facts are from the families' own chat templates and documents; docs/models.md has what was tried. Delimiters that no
row names are read from how a template words a past turn (`detect`).
"""

# ruff: noqa: RUF001  (DeepSeek's tokens are written with fullwidth bars)

from __future__ import annotations

from dataclasses import dataclass

from tts_bench.thinking.format import ThinkingFormat


@dataclass(frozen=True)
class Family:
    """One way of thinking."""

    form: ThinkingFormat
    turn: str = ""  # what the model's turn is opened with, where that alone tells the family
    needs: str = ""  # a text that the vocabulary has as one token, besides `turn`
    drops: bool = False  # these signs count only where the template drops the thinking of past turns
    asked: bool = False  # thinks only where its prompt speaks of thinking
    says: str = ""  # what the prompt of a model that is to think says; empty: the delimiters themselves
    by_effort: bool = False  # an effort of reasoning asks for thinking as well
    efforts: tuple[str, ...] = ()  # values of the effort of reasoning that it was trained for
    shared: bool = False  # its end of thinking ends other messages too
    ends: tuple[str, ...] = ()  # ends of turn that its template does not write

    @property
    def name(self) -> str:
        return self.form.name

    @property
    def worded(self) -> bool:
        """Delimiters that others have too: only what its prompt says tells this family."""
        return self.asked and bool(self.says)

    @property
    def opener(self) -> str:
        """What stands where thinking was opened."""
        return (self.turn if self.shared else "") + self.form.start.strip()


def _tags(
    name: str, start: str, end: str, answer: str = "", *, markup: str = "", stops: tuple[str, ...] = ()
) -> ThinkingFormat:
    return ThinkingFormat(
        name=name, start=start, end=end, answer_suffix=markup + answer, answer_stops=stops, markup=markup
    )


_THINK = _tags("think-tags", "<think>\n", "</think>", "\n\n")
_S1 = ThinkingFormat(
    name="s1",
    start="<|im_start|>think\n",
    end="<|im_start|>answer",
    # s1's own code adds "Final Answer:" to truncated thinking only; one suffix for all is what is comparable.
    answer_suffix="\n",
)
END_OF_TURN = ThinkingFormat(
    name="end-of-turn",
    start="",
    end="",
    answer_suffix="\n\nFinal answer: \\boxed{",
    answer_stops=("\n",),
    mode="end-of-turn",
)

# In this order: the first whose signs a prompt shows.
FAMILIES = (
    # gpt-oss. Thinking is a channel of its own message; <|end|> ends the message, <|return|> the turn.
    Family(
        _tags(
            "harmony",
            "<|channel|>analysis<|message|>",
            "<|end|>",
            markup="<|start|>assistant<|channel|>final<|message|>",
        ),
        turn="<|start|>assistant",
        needs="<|channel|>",
        shared=True,
        ends=("<|return|>", "<|call|>"),
        efforts=("low", "medium", "high"),
    ),
    # Solar Open: as above, with other names.
    Family(
        _tags("solar", "<|think|>", "<|end|>", markup="<|begin|>assistant<|content|>"),
        turn="<|begin|>assistant",
        needs="<|think|>",
        shared=True,
    ),
    # HyperCLOVA X SEED Think: a turn of its own, whose name goes on after what the template opens.
    Family(
        _tags("assistant-think", "/think\n", "<|im_end|>", markup="\n<|im_start|>assistant\n"),
        turn="<|im_start|>assistant",
        needs="<|endofturn|>",
        shared=True,
        ends=("<|endofturn|>", "<|stop|>"),
    ),
    # Command R7B and Command A Reasoning; their successors open an answer with another token.
    Family(
        _tags(
            "cohere",
            "<|START_THINKING|>",
            "<|END_THINKING|>",
            markup="<|START_RESPONSE|>",
            stops=("<|END_RESPONSE|>",),
        )
    ),
    Family(
        _tags("cohere-text", "<|START_THINKING|>", "<|END_THINKING|>", markup="<|START_TEXT|>", stops=("<|END_TEXT|>",))
    ),
    Family(
        _tags(
            "kimi-k3",
            "<|open|>think<|sep|>",
            "<|close|>think<|sep|>",
            markup="<|open|>response<|sep|>",
            stops=("<|close|>response<|sep|>",),
        )
    ),
    # Magistral and Ministral Reasoning: their own system prompt asks for it. Mistral Small 4: its effort does.
    Family(_tags("mistral", "[THINK]", "[/THINK]"), asked=True, by_effort=True),
    Family(_tags("seed", "<seed:think>", "</seed:think>")),
    Family(_tags("minimax-m3", "<mm:think>", "</mm:think>")),
    Family(_tags("kimi-vl", "◁think▷", "◁/think▷")),
    Family(_tags("gemma", "<|channel>thought\n", "<channel|>"), asked=True, says="<|think|>"),
    # Apertus: the developer's message says whether to deliberate.
    Family(_tags("apertus", "<|inner_prefix|>", "<|inner_suffix|>"), asked=True, says="Deliberation: enabled"),
    Family(
        _tags("apriel", "Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]", "\n"), says="[BEGIN FINAL RESPONSE]"
    ),
    # Granite 3.3 and 3.2 are asked for their thoughts by words that their templates put in.
    Family(
        _tags("granite", "<think>", "</think>", markup="<response>", stops=("</response>",)),
        asked=True,
        says="<response></response>",
    ),
    Family(
        _tags("granite-3.2", "Here is my thought process:\n", "Here is my response:", "\n"),
        asked=True,
        says="Here is my thought process:",
    ),
    Family(_tags("thought-tags", "<thought>\n", "</thought>", "\n\n")),
    # R1 and its distills: an older template opens nothing, and drops the thinking of past turns.
    Family(_THINK, turn="<｜Assistant｜>", needs="</think>", drops=True),
    # Llama-Nemotron v1 takes no argument but words in the system prompt.
    Family(_THINK, drops=True, asked=True, says="detailed thinking on"),
    Family(_THINK),
)
PRESETS = {form.name: form for form in (_THINK, _S1, END_OF_TURN, *(family.form for family in FAMILIES))}
