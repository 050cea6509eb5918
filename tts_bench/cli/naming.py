"""What the verbs `strategies` and `engines` have in common: `VERB NAME` shows one."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class NameOrCommand(TyperGroup):
    """`strategies NAME` shows that strategy: anything that is not a command is a name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["show", *args]
        return list(super().parse_args(ctx, args))
