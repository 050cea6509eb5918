"""What `tts-bench run` says before and after: the header, and the errors at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from tts_bench.pools.file import About
from tts_bench.records import Record
from tts_bench.runs.run import Run
from tts_bench.runs.scorers import RunScorer
from tts_bench.text import counted

_SHOWN_ERRORS = 10


def header(run: Run) -> list[str]:
    """Model, thinking, sampling, data and engine, a line each."""
    info, conditions = run.model.engine.info, run.model.conditions
    exact = "exact" if info.exact else "not exact"
    data = ", ".join(f"{t.name} ({t.source}, sha256 {t.sha256[:12]})" for t in run.tasks.tasks.values())
    return [
        f"model     {info.model} (sha256 {info.fingerprint[:12]}, context {info.context})",
        *(f"          {note}" for note in run.model.notes),
        f"thinking  {run.model.found.describe()}; at most {conditions.max_thinking} tokens per trace",
        *_template(run),
        f"sampling  {'as recorded' if info.recorded else f'{conditions.thinking}; seed {conditions.seed}'}",
        f"engine    {info.name}, {exact}: {info.exact_note}",
        *(_scorer(one) for one in run.scorers),
        f"data      {data}; {len(run.items)} problems",
        f"run       {run.folder.path}, generations in {run.store}",
    ]


def imported(about: About) -> list[str]:
    """What was read of files of recorded outputs, a line each."""
    each = f"{about.fewest:,}" if about.fewest == about.most else f"{about.fewest:,} to {about.most:,}"
    read = (
        f"thinking ends as in {about.format}" if about.format else "no end of thinking: outputs are scored as a whole"
    )
    outputs, problems = counted(about.outputs, "output"), counted(len(about.documents), "problem")
    return [
        f"imported  {outputs} to {problems} of {about.task}, {each} each",
        *(f"          {one['outputs']:,} from {one['name']} ({one['tool']})" for one in about.sources),
        f"          {read}; {about.cuts}",
    ]


def _scorer(one: RunScorer) -> str:
    info = one.scorer.info
    notes = "".join(f"; {note}" for note in one.loaded.notes)
    return f"scorer    {one.name}: {info.name} {info.model} (sha256 {info.fingerprint[:12]}){notes}"


def _template(run: Run) -> list[str]:
    """What the chat template is told, where that is anything."""
    said = run.model.facts().get("template", {})
    words = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in said.get("arguments", {}).items()]
    if "date" in said:
        words.append(f"it uses a date, fixed to {said['date']} for this run (change with --template-date)")
    return [f"template  {'; '.join(words)}"] if words else []


def errors(records: Sequence[Record]) -> Iterator[str]:
    """A line for each of the first of `records`, which ended in errors."""
    yield f"{len(records)} errors; these problems are excluded from accuracies:"
    for record in records[:_SHOWN_ERRORS]:
        assert record.error is not None
        yield f"  {record.problem}  {record.strategy}  {record.error.kind}: {record.error.message}"
    if len(records) > _SHOWN_ERRORS:
        yield f"  ... and {len(records) - _SHOWN_ERRORS} more in records.jsonl"
