"""Runs docs/notebook.ipynb and keeps what its cells show; `--check` compares texts instead.

python docs/notebook_run.py [--check]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbformat import from_dict, read, write

NOTEBOOK = Path(__file__).parent / "notebook.ipynb"


def executed(notebook: Any) -> Any:  # noqa: ANN401 - nbformat has no types
    """A copy of `notebook`, run in a fresh kernel in an empty folder.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    made = from_dict(notebook)  # type: ignore[no-untyped-call]
    for cell in made.cells:
        cell.setdefault("metadata", {}).pop("execution", None)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(made, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    made.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for cell in made.cells:
        cell.metadata.pop("execution", None)
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]  # progress
    return made


def texts(notebook: Any) -> list[str]:  # noqa: ANN401
    """What its cells print and show, as text, without figures."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [output.get("text") or output["data"].get("text/plain", "") for output in outputs]


def main() -> None:
    """Run the notebook, or compare it.

    Raises:
        SystemExit: with `--check`, its cells show other texts than it says.
    """
    held = read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    made = executed(held)
    if "--check" not in sys.argv[1:]:
        write(made, NOTEBOOK)  # type: ignore[no-untyped-call]
    elif texts(made) != texts(held):
        sys.exit(f"{NOTEBOOK.name} shows something else now: python docs/notebook_run.py keeps it\n{texts(made)}")


if __name__ == "__main__":
    main()
