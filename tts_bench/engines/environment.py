"""Environment variables that must stand before torch is imported. Imports nothing that would import it."""

from __future__ import annotations

import os

# MKL picks its matrix kernels by shape and thread: with one fixed branch a row has the same bits wherever it stands.
# Idle OpenMP threads that spin take the core from whoever works beside them.
_WANTED = {"MKL_CBWR": "AVX2", "OMP_WAIT_POLICY": "PASSIVE"}
# How the names begin of what native libraries read, most of them once.
_LIBRARIES = ("ATEN", "CUDA", "DNNL", "GOMP", "HIP", "KMP", "LD", "MKL", "NVIDIA", "OMP", "ONEDNN", "PYTORCH", "TORCH")


def prepare() -> None:
    """Set what torch reads when it is first imported; what the user has set stays."""
    for name, value in _WANTED.items():
        os.environ.setdefault(name, value)


def of_libraries() -> dict[str, str]:
    """What of the environment decides how libraries compute."""
    return {name: os.environ[name] for name in sorted(os.environ) if name.partition("_")[0] in _LIBRARIES}
