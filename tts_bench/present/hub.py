"""What goes to the Hugging Face Hub: runs and leaderboards as data sets, learned tokens as models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tts_bench.analysis.runs import read_header
from tts_bench.errors import UserError
from tts_bench.text import safe
from tts_bench.tokens import tokenfile

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD = "README.md"
_ODD = (ValueError, TypeError, LookupError)  # what the Hub's client raises where a reply is none of the Hub's
_NUMBERS = ("run.json", "curve.json", "curve.png", "curve.svg")
_TEXTS = ("records.jsonl", "logprobs.jsonl.gz", "lm_eval/**/*")
_TOKEN = (tokenfile.TENSOR_FILE, tokenfile.CARD_FILE, "*.jsonl")
_BOARD = (CARD, "index.html", "schema.json", "entries/*.json", "curves/*")


@dataclass(frozen=True)
class Parcel:
    """Files of one folder that become one repository, with a card where the folder has none."""

    folder: Path
    kind: str  # "dataset" or "model", as the Hub calls them
    files: tuple[Path, ...]  # below the folder; recorded outputs and stores are not among them
    card: str | None = None

    @property
    def names(self) -> list[str]:
        """Of all that is uploaded."""
        return [path.as_posix() for path in self.files] + ([CARD] if self.card is not None else [])


def check_repository(parcel: Parcel, repository: str) -> None:
    """
    Raises:
        UserError: `repository` is no name of one, USER/NAME.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # public, but not in its list

    if repository.count("/") != 1:
        raise UserError(f"--to is {repository!r}; it takes USER/NAME, such as ann/{parcel.folder.name}.")
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UserError(f"--to {repository!r} is not USER/NAME: {safe(str(error).splitlines()[0])}") from error


def parcel(folder: Path) -> Parcel:
    """What of `folder` is pushed. Imported outputs are somebody else's: they stay, and so do records that quote them.

    Raises:
        UserError: it is no run, learned token or leaderboard, or a run that is not finished.
    """
    if (folder / "run.json").exists():
        header = read_header(folder)
        name = str(header.get("model", {}).get("name", ""))
        about = f"Answers of {name} on {', '.join(header['metrics'])}, by test-time scaling strategies."
        files = _NUMBERS if header["engine"]["name"] == "replay" else (*_NUMBERS, *_TEXTS)
        return _parcel(folder, "dataset", files, _card(about, str(header.get("command", "")), ["tts-bench"]))
    if (folder / tokenfile.CARD_FILE).exists():
        token, card = tokenfile.load(folder), tokenfile.load_card(folder)  # refuses one that is damaged
        about = f"A learned continue-thinking token for {card.model} (arXiv 2506.11274), digest {token.digest[:12]}."
        command = "tts-bench run --strategy learned-token:token=REPOSITORY"
        return _parcel(folder, "model", _TOKEN, _card(about, command, ["tts-bench", "test-time-scaling"]))
    if (folder / "entries").is_dir() and (folder / CARD).exists():
        return _parcel(folder, "dataset", _BOARD, None)
    raise UserError(f"{folder} is not a run, a learned token or a leaderboard. Give the folder of one.")


def _parcel(folder: Path, kind: str, patterns: tuple[str, ...], card: str | None) -> Parcel:
    root = folder.resolve()

    def of(pattern: str) -> Iterator[Path]:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and path.resolve().is_relative_to(root) and not path.is_symlink():
                yield path.relative_to(folder)

    return Parcel(folder, kind, tuple(path for pattern in patterns for path in of(pattern)), card)


def _card(about: str, command: str, tags: list[str]) -> str:
    """A card whose texts are data: they stand in a code block that they cannot end."""
    fence = "~" * 8
    lines = [safe(line).replace(fence, "") for line in (about, command) if line]
    return f"---\ntags: {json.dumps(tags)}\n---\n\n{fence}text\n" + "\n".join(lines) + f"\n{fence}\n"


def push(parcel: Parcel, repository: str, *, private: bool, endpoint: str | None = None) -> str:
    """Make `repository` (USER/NAME) if it is not there, and put the files into it in one commit; returns its address.

    Raises:
        UserError: the Hub refuses it, cannot be reached, or nobody is logged in.
    """
    import httpx2
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    check_repository(parcel, repository)
    added = [CommitOperationAdd(path.as_posix(), str(parcel.folder / path)) for path in parcel.files]
    if parcel.card is not None:
        added.append(CommitOperationAdd(CARD, parcel.card.encode()))
    api: HfApi = HfApi(endpoint=endpoint, library_name="tts-bench")
    try:
        made = api.create_repo(repository, repo_type=parcel.kind, private=private, exist_ok=True)
        api.create_commit(made.repo_id, added, commit_message="Pushed by tts-bench", repo_type=parcel.kind)
    except LocalTokenNotFoundError as error:
        raise UserError("uploads to the Hub need a login. Type: hf auth login, or set HF_TOKEN.") from error
    except (HfHubHTTPError, httpx2.HTTPError, OSError, *_ODD) as error:
        answered = getattr(error, "response", None) is not None
        advice = "Log in with hf auth login, or set HF_TOKEN" if answered else "Check the network and HF_ENDPOINT"
        why = safe((str(error).splitlines() or [type(error).__name__])[0])[:300].rstrip(".")
        raise UserError(f"{repository} was not pushed: {why}. {advice}, and repeat the command.") from error
    return str(made)
