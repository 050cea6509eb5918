"""Claims about the manifests for Slurm and Kubernetes: they can be read, and say what the command line takes."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from tts_bench.engines import cluster

EXAMPLES = Path(__file__).parents[1] / "examples" / "cluster"
HEAD = "first"


def test_the_manifest_for_kubernetes_asks_for_a_gpu_for_each_worker_and_for_a_ray_that_fits() -> None:
    job = yaml.safe_load((EXAMPLES / "kuberay.yaml").read_text("utf-8"))
    words = shlex.split(job["spec"]["entrypoint"])
    assert words[:4] == ["tts-bench", "run", "--ray", "auto"]
    of_cluster = job["spec"]["rayClusterSpec"]
    [group] = of_cluster["workerGroupSpecs"]
    [container] = group["template"]["spec"]["containers"]
    gpus = group["replicas"] * int(container["resources"]["limits"]["nvidia.com/gpu"])
    assert words[words.index("--workers") + 1] == str(gpus)
    wanted = SpecifierSet(cluster.INSTALL.split("'")[1].removeprefix("ray"))
    assert of_cluster["rayVersion"] in wanted


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Programs in the place of Slurm's and Ray's, which note how they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("srun", "tts-bench", "sleep"):
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/log\n')
    (folder / "scontrol").write_text(f"#!/bin/sh\nprintf '{HEAD}\\nsecond\\nthird\\n'\n")
    (folder / "activate").write_text("")
    for file in folder.iterdir():
        file.chmod(0o755)
    return folder


def test_the_script_for_slurm_starts_a_head_and_the_other_nodes_and_hands_its_words_on(tools: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "VENV": str(tools.parent),
        "SLURM_JOB_NODELIST": "n[1-3]",
        "SLURM_GPUS_ON_NODE": "8",
    }
    script = ["bash", str(EXAMPLES / "slurm.sh"), "--tasks", "math500"]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    log = (tools.parent / "log").read_text().splitlines()
    starts = [line for line in log if "ray start" in line]
    assert sum("--head" in line and f"--nodelist={HEAD}" in line for line in starts) == 1
    assert sum(f"--address={HEAD}:6379" in line for line in starts) == 2
    assert "tts-bench run --ray auto --workers 24 --tasks math500" in log
