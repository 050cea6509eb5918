"""The other process of `trial`: reads what to render from standard input, and bounds itself before it does."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping
from datetime import date
from typing import Any

from tts_bench.templates import environment
from tts_bench.templates.trial import BYTES, LONGEST, SECONDS


def main() -> None:
    asked = json.load(sys.stdin)
    _bound()
    try:
        said = rendered(asked)
    except MemoryError:
        said = {"problem": f"it takes more than {BYTES >> 20} MiB for a short conversation"}
    except RecursionError:
        said = {"problem": "it is nested too deeply"}
    except Exception as error:  # jinja compiles to Python: whatever a stranger's program can raise
        said = {"problem": f"{type(error).__name__}: {_line(error)}"}
    json.dump(said, sys.stdout)


def rendered(asked: Mapping[str, Any]) -> dict[str, Any]:
    source = asked["source"]
    read = environment.variables(source)
    texts, errors = {}, {}
    for name, case in asked["cases"].items():
        if case["needs"] and case["needs"] not in read:
            continue
        day = date.fromisoformat(case["day"] or asked["day"])
        values = {**asked["special"], **case["values"]}
        try:
            text = environment.render(source, case["messages"], values, generate=case["generate"], day=day)
        except (MemoryError, RecursionError):
            raise
        except Exception as error:  # a template says by any of them that it does not take this conversation
            errors[name] = _line(error)
            continue
        if len(text) > LONGEST:
            return {"problem": f"it makes {len(text)} characters of a short conversation"}
        texts[name] = text
    return {"texts": texts, "errors": errors, "variables": sorted(read)}


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with open("/proc/self/statm", encoding="ascii") if sys.platform == "linux" else open("/dev/null") as file:
        pages = int((file.read() or "0").split()[0])
    if pages:  # elsewhere no system call tells, and few heed the bound
        most = pages * resource.getpagesize() + BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
