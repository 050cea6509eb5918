"""Logs of Inspect (inspect_ai): a JSON document, or a zip archive of one document a sample (`.eval`)."""

from __future__ import annotations

import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

from tts_bench import foreign
from tts_bench.errors import UserError
from tts_bench.pools.entry import Entry, Output, Values, cut, logprobs, one_of
from tts_bench.pools.zipped import ZstdError, zipfile

TOOL = "inspect log"
_MEMBERS = 2_000_000
_SAMPLE = re.compile(r"samples/.+_epoch_\d+\.json")  # before `_epoch_` the id as it is, slashes and all
_BROKEN = OSError, ValueError, zipfile.BadZipFile, zlib.error, ZstdError, NotImplementedError, EOFError, RuntimeError
_VERDICTS = {"C": 1.0, "I": 0.0, "P": 0.5}


def document(path: Path) -> Iterator[Entry]:
    """The samples of a JSON log.

    Raises:
        UserError: it cannot be read, or is no such log.
    """
    try:
        found = foreign.parse(foreign.read(path, foreign.DOCUMENT).removeprefix(BOM_UTF8), constants=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"{path} cannot be read as a log of Inspect ({why}). For a long log, type: inspect log convert --to eval."
        ) from error
    samples = Values(found, str(path), "the file").list("samples")
    if samples is None:
        raise UserError(f"{path} has no 'samples'; expected a log of Inspect, or JSON Lines in a .jsonl file.")
    for place, sample in enumerate(samples, 1):
        yield entry(sample, place, f"{path}, sample {place}")


def archive(path: Path) -> Iterator[Entry]:
    """The samples of an `.eval` log. Nothing is unpacked to disk, and names in it are names only.

    Raises:
        UserError: it cannot be read, or a member has more bytes than it says or than are read.
    """
    try:
        foreign.check_size(path, 1 << 40)
        with zipfile.ZipFile(path) as opened:
            members = [each for each in opened.infolist() if _SAMPLE.fullmatch(each.filename)]
            if not members and _unfinished(opened.namelist()):
                raise ValueError(
                    f"it is not finished, and no sample is. Finish it with: inspect eval-retry {path}. Then import the "
                    "log that this writes"
                )
            if not members or len(members) > _MEMBERS:
                raise ValueError(f"it has {len(members):,} samples; expected 1 to {_MEMBERS:,}")
            _check_names(path, members)
            for place, member in enumerate(members, 1):
                where = f"{path}, {member.filename}"
                yield entry(_member(opened, member, where), place, where)
    except _BROKEN as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be read as a log of Inspect: {why}.") from error


def _unfinished(names: list[str]) -> bool:
    """Whether only the beginning of a log was written: `header.json` comes last."""
    begun = any(name.startswith("_journal/") for name in names)
    return begun and not any(name == "header.json" or name.startswith("samples/") for name in names)


def _check_names(path: Path, members: list[zipfile.ZipInfo]) -> None:
    first: dict[str, int] = {}
    for place, member in enumerate(members, 1):
        if first.setdefault(member.filename, place) != place:
            raise UserError(
                f"{path}: its samples {first[member.filename]:,} and {place:,} are both named {member.filename}. "
                "Remove one of them."
            )


def _member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, where: str) -> Any:  # noqa: ANN401 - JSON
    if member.file_size > foreign.LINE:
        raise UserError(f"{where} has {member.file_size:,} bytes; at most {foreign.LINE:,} are read.")
    with opened.open(member) as file:
        raw = file.read(foreign.LINE + 1)  # whatever the archive says of its size
    if len(raw) > foreign.LINE:
        raise UserError(f"{where} has more than {foreign.LINE:,} bytes.")
    try:
        return foreign.parse(raw, constants=True)
    except ValueError as error:
        raise UserError(f"{where} is not JSON ({error}).") from error


def entry(row: object, place: int, where: str) -> Entry:
    """What one sample says.

    Raises:
        UserError: it has no output, or a value has the wrong type.
    """
    values = Values(row, where, "the sample")
    output = values.inner("output")
    choices = (output.list("choices") if output else None) or []
    if output is None or not choices:
        raise UserError(
            f"{where} has no output: it was not finished. Remove it, or finish it with: inspect eval-retry."
        )
    attachments = values.row.get("attachments")
    kept = attachments if isinstance(attachments, dict) else {}
    usage = output.inner("usage")
    counts = usage if usage is not None and len(choices) == 1 else None  # it is of all choices together
    verdict = _verdict(values) if len(choices) == 1 else None  # so is the score
    outputs = tuple(_output(Values(each, where, "a choice"), counts, kept, verdict) for each in choices)
    questions, named = one_of(_asked(values.row.get("input"), kept, where)), values.identity("id")
    number = None if named is None else str(named)  # Inspect counts from 1 what its data set does not name
    epoch, uuid = values.identity("epoch"), values.text("uuid")
    name = f"id {named!r} and epoch {1 if epoch is None else epoch}" if named is not None else ""
    return Entry(
        place, where, number, questions, outputs, from_zero=False, name=name, uuid=f"uuid {uuid}" if uuid else ""
    )


def _output(choice: Values, counts: Values | None, kept: dict[str, Any], verdict: float | None) -> Output:
    message = choice.inner("message")
    if message is None:
        raise UserError(f"{choice.where}: a choice has no 'message'.")
    thinking, text = _content(message.row.get("content"), kept, choice.where)
    found = choice.row.get("logprobs")
    return Output(
        text,
        thinking=thinking,
        tokens=counts.count("output_tokens") if counts else None,
        thinking_tokens=counts.count("reasoning_tokens") if counts else None,
        cut=cut(choice.text("stop_reason")),
        verdict=verdict,
        **({} if found is None else logprobs(found, choice)),
    )


def _content(content: object, kept: dict[str, Any], where: str) -> tuple[str | None, str]:
    """Thinking, where it is kept apart, and text."""
    if isinstance(content, str):
        return None, _attached(content, kept)
    if not isinstance(content, list):
        raise UserError(f"{where}: the content of a message is neither a text nor a list.")
    thinking: list[str] = []
    texts: list[str] = []
    for part in content:
        own = Values(part, where, "a part of the content")
        if own.text("type") == "reasoning":
            told = "summary" if own.row.get("redacted") is True else "reasoning"  # which then is encrypted
            thinking.append(_attached(own.text(told) or "", kept))
        elif own.text("type") == "text":
            texts.append(_attached(own.text("text") or "", kept))
    return ("".join(thinking) if thinking else None), "".join(texts)


def _attached(text: str, kept: dict[str, Any]) -> str:
    """Long texts stand beside the sample, under a name."""
    found = kept.get(text.removeprefix("attachment://")) if text.startswith("attachment://") else None
    return found if isinstance(found, str) else text


def _asked(asked: object, kept: dict[str, Any], where: str) -> list[object]:
    """The input; of a conversation its last turn of the user."""
    if isinstance(asked, str):
        return [_attached(asked, kept)]
    turns = [turn for turn in asked if isinstance(turn, dict)] if isinstance(asked, list) else []
    said = [turn.get("content") for turn in turns if turn.get("role") == "user"]
    return [_content(said[-1], kept, where)[1]] if said else []


def _verdict(values: Values) -> float | None:
    """What the first scorer said; None where it left the sample unscored, which Inspect writes as NaN."""
    scores = values.row.get("scores")
    first = next(iter(scores.values()), None) if isinstance(scores, dict) else None
    found = first.get("value") if isinstance(first, dict) else None
    if isinstance(found, str):
        return _VERDICTS.get(found)
    return float(found) if isinstance(found, int | float) and isfinite(found) else None
