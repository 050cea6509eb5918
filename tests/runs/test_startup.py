"""Claims about how a run starts: which modules it imports, and when its workers begin. Seconds are in benchmarks/."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from tts_bench.cli import main
from tts_bench.engines import processes

def imported():
    return sorted({name.partition(".")[0] for name in list(sys.modules)})

def noted(*given, **options):
    told["begun"] = imported()
    return begin(*given, **options)

if __name__ == "__main__":
    told, begin = {}, processes.begin
    processes.begin = noted
    told["code"] = main._run(sys.argv[1:])
    print(json.dumps({**told, "ended": imported()}))
"""


@pytest.mark.slow
def test_a_run_over_processes_begins_them_first_and_imports_no_library_for_models(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py", "run", "--limit", "1", "--workers", "2", "--out", "run", "--quiet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=300)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["code"] == 0, done.stderr
    # While the workers import, so does the command: nothing of weight comes before they have begun.
    assert not {"lm_eval", "datasets", "matplotlib", "pandas", "scipy", "torch", "transformers"} & {*told["begun"]}
    # Numbers need neither a parser of expressions nor sympy, and a tokenizer no torch.
    assert not {"torch", "sympy", "mpmath", "accelerate", "math_verify", "antlr4", "ray"} & {*told["ended"]}
    assert {"lm_eval", "matplotlib", "tokenizers"} <= {*told["ended"]}  # the names are the right ones
    assert json.loads((tmp_path / "run" / "run.json").read_text())["engine"]["settings"]["workers"] == 2


def test_the_processors_of_this_process_are_counted_as_torch_counts_them() -> None:
    count = "import torch; from tts_bench.engines.hardware import cores; print(torch.get_num_threads() == cores())"
    for said in (None, "1", "99"):
        environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        environment |= {"OMP_NUM_THREADS": said} if said else {}
        done = subprocess.run(
            [sys.executable, "-c", count], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout == "True\n", said
