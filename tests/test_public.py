"""The public interface, as docs/versions.md names it: what others write strategies, engines and programs on."""

from __future__ import annotations

import re
from difflib import unified_diff
from importlib import import_module

import pytest

from tests.pages import ROOT, pages
from tests.public import signatures

# After the name of each module: what of it is public, where that is not all.
PUBLIC = "\n" + (ROOT / "tests" / "public.txt").read_text("utf-8")

TABLE = {
    section.partition("\n")[0]: section.rstrip("\n").partition("\n")[2].split("\n")
    for section in PUBLIC.split("\n# ")[1:]
}


@pytest.mark.parametrize("section", TABLE)
def test_what_others_build_on_is_as_the_table_says(section: str) -> None:
    module, _, names = section.partition(": ")
    found = signatures(import_module(module), *filter(None, names.split(", ")))
    changed = unified_diff(TABLE[section], found, "public until now", "found", lineterm="", n=0)
    assert found == TABLE[section], (
        f"{module} is public, and it has changed. If that is meant, CHANGELOG.md has to say so, and docs/versions.md\n"
        "where it is another module or breaks what was written before; then tests/public.txt takes it in:\n"
        + "\n".join(changed)
    )


def test_what_pages_import_of_the_package_is_in_the_table() -> None:
    named = {
        f"{section.partition(': ')[0]} {re.sub('(frozen )?class |async ', '', line)}"
        for section, lines in TABLE.items()
        for line in lines
    }
    known = {" ".join(re.findall(r"[\w.]+", line)[:2]) for line in named}
    for path in pages():
        for module, names in re.findall(r"^from (tts_bench[\w.]*) import ([\w, ]+)$", path.read_text("utf-8"), re.M):
            assert {f"{module} {name}" for name in names.split(", ")} <= known, path


def test_the_page_of_versions_names_all_that_is_public() -> None:
    page = (ROOT / "docs" / "versions.md").read_text("utf-8")
    names = {name for section in TABLE for name in section.replace(": ", ", ").split(", ")}
    assert not {name for name in names if f"{name}`" not in page and f"{name}." not in page}
