"""What a chat template is told is part of a run: of its prompts, its identity, its record, and its resumption."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer
from typer.testing import CliRunner

from tests.families import CHATML, NO, OPENS, REPLY, THOUGHT, chat, say, when
from tests.on_hf import make_thinker
from tests.runs.samples import execute, write_sums
from tts_bench.cli.models import app
from tts_bench.config import ModelConfig, RunConfig
from tts_bench.errors import UserError
from tts_bench.present.running import header
from tts_bench.runs.run import Run, prepare
from tts_bench.solving import model as module

DATED = chat(CHATML, REPLY, OPENS, head=say("Today is ") + "{{ strftime_now('%Y-%m-%d') }}" + say(".\n"))
HYBRID = chat(CHATML, THOUGHT + REPLY, OPENS + when(NO, say("<think>\n\n</think>\n\n")))
Prepare = Callable[..., Run]


@pytest.fixture
def ready(tmp_path: Path, in_process: None) -> Prepare:
    """Prepare a run of a tiny model with a chat template of ours."""
    folder, data = make_thinker(tmp_path / "model", "llama"), write_sums(tmp_path / "data", 2)

    def ready(template: str, out: str = "run", **options: object) -> Run:
        inner = AutoTokenizer.from_pretrained(folder)
        inner.chat_template = template
        inner.save_pretrained(folder)
        engine, small = "hf:device=cpu,rows=4,threads=1,exact=false", {"max_thinking_tokens": 8, "max_answer_tokens": 4}
        model = ModelConfig(str(folder), engine, **small, **options)  # type: ignore[arg-type]
        return prepare(RunConfig(model, ("gsm8k",), ("baseline",), data_dir=data), tmp_path / out)

    return ready


def on(day: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Day(datetime.date):
        @classmethod
        def today(cls) -> Day:
            return cls.fromisoformat(day)

    monkeypatch.setattr(module, "date", Day)


def prompts(run: Run) -> set[str]:
    conditions = run.model.conditions
    return {conditions.format.open(run.model.engine.tokenizer.render("?", conditions.system))}


@pytest.mark.slow
def test_a_run_keeps_the_date_that_it_was_begun_on(ready: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    on("2026-01-31", monkeypatch)
    first = ready(DATED)
    [line] = [line for line in header(first) if line.startswith("template")]
    assert "fixed to 2026-01-31 for this run" in line
    before = prompts(first)
    execute(first)
    records = (first.folder.path / "records.jsonl").read_bytes()
    said = json.loads((first.folder.path / "run.json").read_text())
    assert said["identity"]["template"] == said["template"] == {"date": "2026-01-31"}
    on("2026-02-01", monkeypatch)
    again = ready(DATED)
    assert prompts(again) == before
    execute(again)
    assert (again.folder.path / "records.jsonl").read_bytes() == records
    assert prompts(ready(DATED, "other")) != before
    with pytest.raises(UserError, match="another run's records: its template, date,"):
        ready(DATED, template_date="2026-02-01")


def test_template_arguments_are_part_of_identity_record_and_header(ready: Prepare) -> None:
    run = ready(HYBRID, template_args=("enable_thinking=false",))
    facts = run.header()
    assert facts["identity"]["template"] == facts["template"] == {"arguments": {"enable_thinking": False}}
    assert "template  enable_thinking=false" in header(run)
    assert any("to turn it on, type --template-arg enable_thinking=true" in line for line in header(run))
    [prompt] = prompts(run)
    assert prompt.count("<think>") == 1
    assert prompt.endswith("</think>\n\n")


def test_where_the_template_is_told_nothing_the_header_is_what_it_was(ready: Prepare) -> None:
    facts = ready(HYBRID).header()
    assert "template" not in facts
    assert "template" not in facts["identity"]
    assert facts["thinking_format"] == {
        "name": "think-tags",
        "start": "<think>\n",
        "end": "</think>",
        "answer_suffix": "\n\n",
        "answer_stops": (),
        "mode": "delimited",
        "opened_by_template": False,
        "notes": (),
    }


def test_a_problem_that_spells_control_tokens_is_recorded_as_it_is_written(ready: Prepare) -> None:
    run = ready(HYBRID)
    tokenizer: Any = run.model.engine.tokenizer
    rendered = tokenizer.render("a <think> b <|im_end|>")
    assert tokenizer.shown(rendered) in tokenizer.decode(tokenizer.encode(rendered))
    assert "a <think> b <|im_end|>" in tokenizer.shown(rendered)


def test_models_show_prints_the_prompt_with_the_places_of_thinking_and_answer(tmp_path: Path) -> None:
    folder = make_thinker(tmp_path, "llama")
    inner = AutoTokenizer.from_pretrained(folder)
    inner.chat_template = HYBRID
    inner.save_pretrained(folder)
    done = CliRunner().invoke(app, ["show", str(folder), "--problem", "6 <|im_end|> 7?", "--system", "Be brief."])
    page = done.stdout
    places = [
        "Be brief.",
        "6 <|im_end|> 7?",
        "<think>",
        "[[ thinking is sampled",
        "</think>",
        "[[ the answer is sampled",
    ]
    at = page.index("[[ put in ]]")
    for place in places:
        at = page.index(place, at)
    assert "turn off  --template-arg enable_thinking=false" in page
    off = CliRunner().invoke(app, ["show", str(folder), "--template-arg", "enable_thinking=false"]).stdout
    assert "to turn it on, type --template-arg enable_thinking=true" in off
    assert off.count("<think>\n") == 1
