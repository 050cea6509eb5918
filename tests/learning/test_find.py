"""A token by its path, from a hub, or shipped with the package for a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import forked
from tts_bench.errors import UserError
from tts_bench.tokens import find, tokenfile

SHA = "a" * 40


def token_in(folder: Path, fingerprint: str = "f" * 64) -> Path:
    tokenfile.save(
        folder, [0.5, -1.0], name="<|t|>", model="m", fingerprint=fingerprint, init="Wait", training={}, licence="MIT"
    )
    return folder


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """A server that answers as the hub does for one repository, me/token; its address."""
    folder = token_in(tmp_path / "served")
    (folder / "huge.bin").write_bytes(b"no part of a token")

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, body: bool) -> None:
            if self.path.startswith("/api/models/me/token/tree/"):
                tree = [
                    {"type": "file", "path": p.name, "size": p.stat().st_size, "oid": SHA} for p in folder.iterdir()
                ]
                data = json.dumps(tree).encode()
            elif self.path.startswith("/api/models/me/token"):
                files = [{"rfilename": path.name} for path in folder.iterdir()]
                data = json.dumps({"id": "me/token", "sha": SHA, "siblings": files}).encode()
            elif self.path.startswith(f"/me/token/resolve/{SHA}/") and "huge" not in self.path:
                data = (folder / self.path.rpartition("/")[2]).read_bytes()
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{hash(data)}"')
            self.send_header("X-Repo-Commit", SHA)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def show(name: str, hub: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment |= {"HF_ENDPOINT": hub, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", forked.MAIN, "token", "show", name]  # the hub's address is read at import
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, cwd=home)


@pytest.mark.slow
def test_a_token_is_fetched_from_a_hub_by_its_id_and_found_in_the_cache_afterwards(hub: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    found = show("me/token", hub, tmp_path / "home")
    assert found.returncode == 0, found.stderr
    assert "<|t|>, 2 numbers, norm 1.118" in found.stdout
    assert not list((tmp_path / "home").rglob("huge.bin"))
    gone = show("me/token", "http://127.0.0.1:9", tmp_path / "home")
    assert gone.stdout == found.stdout
    unknown = show("me/other", hub, tmp_path / "home")
    assert unknown.returncode == 2
    assert "me/other is not a local folder and cannot be fetched from the hub" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_a_folder_here_comes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token_in(tmp_path / "org" / "name")
    monkeypatch.chdir(tmp_path)
    assert find.folder("org/name") == Path("org/name")
    assert find.folder("./gone/away") == Path("gone/away")  # no hub id: reading it says that it is not there


def test_tokens_are_shipped_by_the_fingerprint_of_their_model() -> None:
    for fingerprint, folder in find.shipped().items():
        token = find.shipped_for(fingerprint)
        assert token is not None
        assert token.model == fingerprint
        assert (folder / "log.jsonl").is_file()
    assert find.shipped_for("0" * 64) is None


def test_a_file_in_the_place_of_a_token_folder_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="is a file"):
        tokenfile.load(find.folder(str(tmp_path / "file")))
