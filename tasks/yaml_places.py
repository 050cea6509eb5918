"""A task's YAML file, in which a mistake has a line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from tts_bench import foreign
from tts_bench.errors import UserError, did_you_mean

_TABLES = ("dataset_kwargs", "generation_kwargs", "metadata")
_LISTS = ("filter_list", "metric_list")
_NUMBERS = ("num_fewshot", "repeats")
_NAMED = {"filter_list": "filter", "metric_list": "metric"}  # what each table in such a list names
_QUOTED = re.compile(r"""['"`]([\w./:-]+)['"`]""")
_INT, _NULL = (f"tag:yaml.org,2002:{name}" for name in ("int", "null"))


class Places:
    """The lines of a file that is YAML, a table of keys and values, and small enough to be looked over."""

    def __init__(self, file: Path) -> None:
        import yaml

        self._file = file
        root = yaml.compose(foreign.read(file, foreign.MB), Loader=yaml.CSafeLoader)
        self._nodes = {key.value: (key, value) for key, value in root.value}

    def at(self, *nodes: Any) -> str:
        """The beginning of a message: the file and the line of the first of `nodes`, if there is one."""
        return f"{self._file}{f', line {nodes[0].start_mark.line + 1}' if nodes else ''}: "

    def key(self, name: str) -> str:
        """The same of a key at the top of the file, or of the file where it has no such key."""
        return self.at(*self._nodes.get(name, ())[:1])

    def named_by(self, said: str) -> str:
        """The same of the first value or key that `said` quotes."""
        words = [word for word in _QUOTED.findall(said) if word != self._file.stem]
        scalars = [node for pair in self._nodes.values() for top in pair for node in _scalars(top)]
        return self.at(*(node for word in words for node in scalars if word in re.split(r"[^\w/:-]+", node.value)))

    def check(self, known: Collection[str]) -> None:
        """Look a task's keys over, `known` being those that lm-eval has, and the kinds of their values.

        Raises:
            UserError: with the line, what lm-eval would end with an error of Python's.
        """
        for name, (key, value) in self._nodes.items():
            if name not in known:
                raise UserError(f"{self.at(key)}a task has no key {name!r}. {did_you_mean(name, known)}")
            if value.tag == _NULL:
                continue
            if name in _TABLES and value.id != "mapping":
                raise self._wrong(name, value, "a table of keys and values")
            if name in _NUMBERS and value.tag != _INT:
                raise self._wrong(name, value, "a whole number")
            if name in _LISTS:
                self._check_list(name, value)

    def check_members(self, members: object, known: Collection[str]) -> None:
        """Look over the tasks that a group names, `known` being those that there are.

        Raises:
            UserError: with the line, there is no list of them, or one is not known.
        """
        if not isinstance(members, list) or not members:
            raise UserError(f"{self.key('task')}a group takes the names of its tasks in a list, such as task: [a, b].")
        for member in members:
            if isinstance(member, str) and member not in known:
                at = self.named_by(f"'{member}'")
                raise UserError(f"{at}there is no task {member!r} beside the file. {did_you_mean(member, known)}")

    def _check_list(self, name: str, value: Any) -> None:  # noqa: ANN401
        wanted = _NAMED[name]
        each = value.value if value.id == "sequence" else [value]
        for table in each:
            keys = [key.value for key, _ in table.value] if table.id == "mapping" else []
            if value.id != "sequence" or wanted not in keys:
                raise self._wrong(name, table, f"a list of tables, each with the key {wanted!r}")

    def _wrong(self, name: str, value: Any, wanted: str) -> UserError:  # noqa: ANN401
        said = f"is {value.value[:80]!r}; it " if value.id == "scalar" else ""
        return UserError(f"{self.at(value)}{name} {said}takes {wanted}. Correct it.")


def _scalars(node: Any) -> Iterator[Any]:  # noqa: ANN401
    """The keys and values in a node, each by itself."""
    if node.id == "scalar":
        yield node
    for child in node.value if node.id != "scalar" else ():
        for each in child if isinstance(child, tuple) else (child,):
            yield from _scalars(each)
