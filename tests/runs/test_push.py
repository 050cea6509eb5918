"""Pushing to the Hugging Face Hub, played with its own client against a server on a real socket."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import tts_bench as tb
from tts_bench.cli.main import _run
from tts_bench.present import hub
from tts_bench.present.results import Results
from tts_bench.tokens import tokenfile

SECRET = "hf_secret"
SHIPPED = Path(tb.__file__).parent / "tokens" / "pocket"


@dataclass
class Hub:
    """What the Hub was given: files by repository."""

    url: str = ""
    made: list[dict[str, object]] = field(default_factory=list)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    status: int = 200
    nonsense: bool = False


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    told = Hub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self.reply({}, 404)

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            if told.status != 200:
                self.reply({"error": "no, never"}, told.status)
            elif told.nonsense:
                self.reply(["no", "object"])
            elif self.path == "/api/repos/create":
                told.made.append(json.loads(raw))
                self.reply({"url": f"{told.url}/datasets/ann/thing"})
            elif self.path == "/api/validate-yaml":
                self.reply({"errors": [], "warnings": []})
            elif "/preupload/" in self.path:
                names = [file["path"] for file in json.loads(raw)["files"]]
                modes = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]
                self.reply({"files": modes})
            else:
                _, *lines = [json.loads(line)["value"] for line in raw.splitlines()]
                found = {line["path"]: base64.b64decode(line["content"]) for line in lines}
                told.files.setdefault(self.path.removeprefix("/api/").partition("/commit/")[0], {}).update(found)
                self.reply(
                    {"success": True, "commitOid": "a" * 40, "commitUrl": f"{told.url}/datasets/ann/thing/commit/a"}
                )

        def reply(self, data: object, status: int = 200) -> None:
            body = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told.url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("HF_TOKEN", SECRET)
        yield told
        server.shutdown()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Results:
    out = tmp_path_factory.mktemp("push") / "run"
    return tb.run(model="pocket", strategies=["baseline"], limit=3, out=out, quiet=True)


def test_a_run_becomes_a_data_set_with_a_card_and_without_stores_or_links(
    run: Results, served: Hub, tmp_path: Path
) -> None:
    folder = run.folders[0]
    (folder / "pool.sqlite").write_bytes(b"somebody else's")
    (tmp_path / "outside").write_text("private")
    (folder / "lm_eval" / "link").symlink_to(tmp_path / "outside")
    address = hub.push(hub.parcel(folder), "ann/thing", private=True, endpoint=served.url)
    assert address == f"{served.url}/datasets/ann/thing"
    assert served.made[0]["type"] == "dataset"
    assert True in (served.made[0].get("private"), served.made[0].get("visibility") == "private")
    files = served.files["datasets/ann/thing"]
    assert {"run.json", "records.jsonl", "curve.json", "README.md"} <= files.keys()
    assert not [name for name in files if "sqlite" in name or "link" in name]
    assert files["records.jsonl"] == (folder / "records.jsonl").read_bytes()
    assert SECRET.encode() not in b"".join(files.values())


def test_a_token_becomes_a_model_that_can_be_loaded_again(served: Hub, tmp_path: Path) -> None:
    hub.push(hub.parcel(SHIPPED), "ann/thing", private=False, endpoint=served.url)
    for name, data in served.files["models/ann/thing"].items():
        (tmp_path / name).write_bytes(data)
    assert tokenfile.load(tmp_path) == tokenfile.load(SHIPPED)


def test_a_leaderboard_becomes_a_data_set() -> None:
    parcel = hub.parcel(Path(__file__).parents[2] / "leaderboard")
    assert (parcel.kind, parcel.card) == ("dataset", None)
    assert {"README.md", "index.html", "schema.json"} <= {str(path) for path in parcel.files}


def test_texts_of_a_run_are_data_in_its_card() -> None:
    card = hub._card("</a>\n~~~~~~~~\n# head", "x\x1b[2J", [])
    body = card.split("~~~~~~~~")
    assert len(body) == 3
    assert "\x1b" not in card
    assert "\n# head" not in card


@pytest.mark.parametrize("status", [200, 401, 403, 500])
def test_a_refusal_of_the_hub_is_one_message_without_the_secret(run: Results, served: Hub, status: int) -> None:
    served.status, served.nonsense = status, status == 200
    with pytest.raises(tb.errors.UserError, match="was not pushed") as refused:
        hub.push(hub.parcel(run.folders[0]), "ann/thing", private=False, endpoint=served.url)
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{empty}", "--to", "ann/thing"], "is not a run, a learned token or a leaderboard"),
        (["{run}", "--to", "a b/c"], "is not USER/NAME"),
        (["{run}", "--to", "name"], "--to is 'name'; it takes USER/NAME, such as ann/run."),
    ],
)
def test_a_wrong_folder_or_name_is_refused(
    arguments: list[str], message: str, run: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(["push", *(word.format(empty=tmp_path, run=run.folders[0]) for word in arguments)]) == 2
    assert message in capsys.readouterr().err


def test_a_hub_that_cannot_be_reached_is_no_matter_of_a_login(run: Results) -> None:
    with pytest.raises(tb.errors.UserError, match="Check the network and HF_ENDPOINT"):
        hub.push(hub.parcel(run.folders[0]), "ann/thing", private=False, endpoint="http://127.0.0.1:9")


def test_a_dry_run_lists_the_files(run: Results, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["push", str(run.folders[0]), "--to", "ann/thing", "--dry-run"]) == 0
    assert {"records.jsonl", "README.md"} <= {*capsys.readouterr().out.splitlines()}


@pytest.mark.parametrize("name", ["nonsense", "/x", "a/", "a b/c", "a/b/c", "a/-x"])
def test_a_dry_run_refuses_the_names_that_the_hub_would(
    run: Results, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert _run(["push", str(run.folders[0]), "--to", name, "--dry-run"]) == 2
    assert "USER/NAME" in capsys.readouterr().err
