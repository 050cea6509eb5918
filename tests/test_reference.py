"""Greedy float32 budget forcing on the hf engine is what a plain loop over `model.generate` gives, token for token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.on_hf import QUESTIONS, answers_of, engine_of, items_of, make_thinker
from tests.tiny import Architecture
from tts_bench.api import Answer
from tts_bench.core.conditions import Conditions
from tts_bench.engine import Engine, Sampling
from tts_bench.thinking import detect

Segments = list[tuple[str, tuple[int, ...], tuple[int, ...]]]  # kind, what is read on, the end that was sampled after
# On "How many apples are 3 apples?" the tiny Llama's two best logits come within 2e-6 of 3.9: float32 cannot tell them
# apart, and either token is the greedy one (in float64 the engine's is ahead).
UNTIED = tuple(question.replace("are 3 apples", "are 4 apples") for question in QUESTIONS)
CUES = ("Wait", "Hmm, let me think again. Alternatively,", "\nWait, wait.\n")
GREEDY = Sampling(temperature=0)


@dataclass
class Reference:
    """Budget forcing with nothing but transformers: one sequence, prefilled again in every round."""

    model: Any
    tokenizer: Any
    start: str
    end: str  # empty: the end of turn ends thinking
    suffix: str
    max_thinking: int
    max_answer: int
    one_line: bool  # an answer ends at the end of its line

    def rungs(self, question: str, cue: str, extensions: int) -> list[Segments]:
        """Segments from the end of the prompt to the end of the answer, for 0 to `extensions` extensions."""
        messages = [{"role": "user", "content": question}]
        rendered = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        prompt = self.encode(rendered + self.start)
        ends = [self.tokenizer.convert_tokens_to_ids(name) for name in ("<|im_end|>", "<|endoftext|>")]
        delimiter = self.encode(self.end)
        trace: Segments = []
        rungs = []
        ended = cut = False
        for extension in range(extensions + 1):
            spent = sum(len(tokens) + len(end) for _, tokens, end in trace)
            if extension and not cut and spent + len(self.encode(cue)) < self.max_thinking:
                trace.append(("cue", self.encode(cue), ()))
                spent += len(trace[-1][1])
                ended = False
            if not ended and not cut:
                thought = self.generate(prompt, trace, self.max_thinking - spent, [*ends, *delimiter])
                ended = thought[-1] in (*ends, *delimiter)
                cut = not ended
                place = len(thought) - ended
                trace.append(("thinking", thought[:place], thought[place:]))
            closed = [*trace, ("closing", delimiter + self.encode(self.suffix), ())]
            answer = self.generate(prompt, closed, self.max_answer, ends)
            place = self.answer_length(answer, ends)
            rungs.append([*closed, ("answer", answer[:place], answer[place : place + 1])])
        return rungs

    def generate(self, prompt: tuple[int, ...], trace: Segments, most: int, stops: list[int]) -> tuple[int, ...]:
        known = [*prompt, *(token for _, tokens, _ in trace for token in tokens)]
        ids = torch.tensor([known])
        output = self.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=most,
            eos_token_id=stops,
            pad_token_id=0,
        )
        return tuple(output[0, len(known) :].tolist())

    def answer_length(self, answer: tuple[int, ...], ends: Sequence[int]) -> int:
        if self.one_line:
            for length in range(len(answer)):
                if "\n" in self.tokenizer.decode(answer[: length + 1]):
                    return length
        return len(answer) - (answer[-1] in ends)

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))


def reference_of(folder: Path, conditions: Conditions) -> Reference:
    form = conditions.format
    return Reference(
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(),
        AutoTokenizer.from_pretrained(folder),
        form.start,
        form.end,
        form.answer_suffix,
        conditions.max_thinking,
        conditions.max_answer,
        form.mode == "end-of-turn",
    )


def assert_same(
    engine: Engine,
    conditions: Conditions,
    reference: Reference,
    questions: Sequence[str],
    cue: str,
    most: Sequence[int],
) -> list[Answer]:
    """The engine's last answers, after it was held against the reference for every number of extensions in `most`."""
    items = items_of(questions)
    wanted = {item.problem.id: reference.rungs(item.prompt, cue, max(most)) for item in items}
    escaped = cue.replace(",", "\\,")
    for extensions in most:
        found = answers_of(engine, conditions, f"budget-forcing:extensions={extensions},cue={escaped}", items)
        for problem, answers in found.items():
            rungs = [[(s.kind, s.tokens, s.end) for s in answer.traces[0].segments[1:]] for answer in answers]
            assert rungs == wanted[problem][: extensions + 1], (problem, extensions)
    return [answers[-1] for answers in found.values()]


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_greedy_budget_forcing_is_the_plain_loop_token_for_token_for_0_to_4_extensions(
    tmp_path: Path, architecture: Architecture
) -> None:
    folder = make_thinker(tmp_path, architecture)
    last: list[Answer] = []
    with engine_of(folder) as engine:
        assert [len(engine.tokenizer.encode(cue)) > 1 for cue in CUES] == [False, True, True]
        form = detect(engine.tokenizer, name="think-tags")
        conditions = Conditions(
            form, thinking=GREEDY, continuation=GREEDY, answer=GREEDY, max_thinking=100, max_answer=12
        )
        reference = reference_of(folder, conditions)
        for cue in CUES:
            last += assert_same(engine, conditions, reference, UNTIED, cue, range(5))
    traces = [answer.traces[0] for answer in last]  # not all of these are empty or cut at once
    assert sum(trace.cues for trace in traces) >= 20
    assert any(trace.cues == 4 for trace in traces)
    assert any(trace.truncated for trace in traces)
    assert any(trace.cues and trace.thinking_ended and trace.cues < trace.cues_wanted for trace in traces)
    assert any(segment.end for trace in traces for segment in trace.segments if segment.kind == "answer")


@pytest.mark.slow
def test_greedy_budget_forcing_is_the_plain_loop_token_for_token_on_smollm2(smollm2: Path) -> None:
    with engine_of(smollm2, exact=False) as engine:
        conditions = Conditions(
            detect(engine.tokenizer),
            thinking=GREEDY,
            continuation=GREEDY,
            answer=GREEDY,
            max_thinking=96,
            max_answer=6,
        )
        question = "Name the capital of France."  # a short thought: all four ends of it fit into the budget
        assert conditions.format.mode == "end-of-turn"
        reference = reference_of(smollm2, conditions)
        [answer] = assert_same(engine, conditions, reference, [question], CUES[1], (4,))  # its rungs are 0 to 4
    assert answer.traces[0].cues == 4
