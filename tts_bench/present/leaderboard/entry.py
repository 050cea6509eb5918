"""What an entry of the leaderboard holds; the published JSON Schema is that of `Entry`.

Entries come from outside: every text in one is a single line without what markdown or HTML would take for markup.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from tts_bench.measures import Measure
from tts_bench.present.leaderboard.command import check
from tts_bench.present.leaderboard.recompute import per_problem, summaries

FORMAT = 1
MOST = 2000  # tasks, strategies of one and rungs of one: each takes time when pages are made
MARK = "made by tts-bench leaderboard build"  # in every file that is made, and in none that is not


def _visible(text: str) -> str:
    """Refuse what the pattern leaves: blanks, invisible characters, and those that turn the direction of writing."""
    if text.isspace() or not text.isprintable():
        raise ValueError("it is blank, or a character in it cannot be printed")
    return text


PLAIN = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029<>|`]+$"  # no control character, no line break, no markup
Text = Annotated[str, Field(min_length=1, max_length=4000, pattern=PLAIN), AfterValidator(_visible)]
Command = Annotated[
    str,
    Field(min_length=1, max_length=4000, pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029<>|`;&$\\\\]+$"),
    AfterValidator(_visible),
    AfterValidator(check),
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Column = Annotated[
    str, Field(pattern=r"^[0-9.e+ -]+$", description="A value for each problem: see docs/leaderboard.md")
]
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """Nothing unknown, nothing converted, no number that is not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _fields(rows: Iterable[Measure], kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a type of pydantic's
    """A field for each row; entries that are older than one lack it."""
    fields: dict[str, Any] = {}
    for row in rows:
        says = f"share of problems: {row.meaning}" if row.unit == "share" else row.meaning
        older = Field(default=None, description=f"{says}; older entries lack it")
        fields[row.name] = (kind, Field(description=says)) if row.required else (kind | None, older)
    return fields


class _Accuracy(Part):
    accuracy: float
    low: float | None = Field(description="95% Wilson interval; null where the accuracy is no share")
    high: float | None


class _Score(Part):
    score: Column


# Made from the table of measures, which no type checker can read.
_Columns = create_model("_Columns", __base__=_Score, **_fields(per_problem(), Column))
_Means = create_model("_Means", __base__=_Accuracy, **_fields(summaries(), float))


class Problems(_Columns):  # type: ignore[misc, valid-type]
    """One rung, problem by problem, in the order of the documents."""


class Rung(_Means):  # type: ignore[misc, valid-type]
    """Measures over problems, mostly means. All but `problems` is recomputed by `check`."""

    problems: Problems
    sha256: Sha256


class StrategyLine(Part):
    label: Text
    source: Text = Field(description="the distribution the strategy came from")
    rungs: Annotated[dict[Text, Rung], Field(min_length=1, max_length=MOST)]
    sha256: Sha256


class TaskPart(Part):
    metric: Text
    data: Sha256
    prompts: Sha256 = Field(description="of the documents' numbers and their prompts as the model read them")
    problems: Annotated[int, Field(ge=1)]
    strategies: Annotated[dict[Text, StrategyLine], Field(min_length=1, max_length=MOST)]
    sha256: Sha256


class ModelPart(Part):
    name: Text
    fingerprint: Text
    source: Text
    parameters: Count
    notes: list[Text]
    sha256: Sha256


class RunPart(Part):
    """What it takes to repeat the run, and to know it again."""

    command: Command | None = Field(description="plain words for a shell; null where the run's own are none")
    identity: Sha256 = Field(description="of all settings that the records depend on, as run.json has them")
    records: Sha256 = Field(description="of records.jsonl")
    seed: int
    limit: int | None
    thinking_format: Text
    thinking_format_sha256: Sha256
    system: Sha256 | None = Field(description="of the system prompt")
    max_thinking_tokens: Count
    max_answer_tokens: Count
    sampling: Annotated[dict[Text, dict[Text, float]], Field(min_length=1)]
    engine: Annotated[dict[Text, Text | bool | int | float], Field(min_length=1)]
    versions: Annotated[dict[Text, Text], Field(min_length=1)]
    sha256: Sha256


class Entry(Part):
    """A run on the leaderboard."""

    def content(self) -> dict[str, Any]:
        """As JSON values, without the columns that it lacks."""
        return self.model_dump(exclude_unset=True)

    format: Literal[1]
    model: ModelPart
    run: RunPart
    tasks: Annotated[dict[Text, TaskPart], Field(min_length=1, max_length=MOST)]
    sha256: Sha256


def schema() -> str:
    """The published JSON Schema, as the text of its file."""
    found = Entry.model_json_schema()
    return render({"$schema": "https://json-schema.org/draft/2020-12/schema", "$comment": MARK, **found})


def render(content: Mapping[str, Any]) -> str:
    """The one way an entry is written: a line for each field."""
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
