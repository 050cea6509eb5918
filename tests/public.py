"""What a module promises to others, as text: a line for each class, field, method, function and name of a type."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import ModuleType


def signatures(module: ModuleType, *names: str) -> list[str]:
    """Lines of `names`, or of all that is public: what `__all__` says, or what the module itself defines.

    `Class.method` is that method alone. What comes from another module of the package is described as it stands there.
    """
    top = {name: node for node in ast.parse(inspect.getsource(module)).body for name in _defined(node)}
    wanted = names or getattr(module, "__all__", None) or [name for name in top if not name.startswith("_")]
    return [line for name in wanted for line in _said(module, name, top)]


def _said(module: ModuleType, name: str, top: dict[str, ast.stmt]) -> Iterator[str]:
    owner, _, member = name.partition(".")
    node = _node(module, owner, top)
    if member and isinstance(node, ast.ClassDef):
        [part] = (part for part in node.body if member in _defined(part))
        yield from (f"{owner}.{line}" for line in _member(part))
    else:
        yield from _lines(owner, node)


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    return [target.id for target in getattr(node, "targets", ()) if isinstance(target, ast.Name)]


def _node(module: ModuleType, name: str, top: dict[str, ast.stmt]) -> ast.stmt:
    there = getattr(module, name)
    if name in top or not (inspect.isclass(there) or inspect.isfunction(there)):
        return top.get(name) or ast.Assign([ast.Name(name)], ast.Name(type(there).__name__))
    return ast.parse(inspect.getsource(there)).body[0]


def _lines(name: str, node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield _function(name, node)
    elif isinstance(node, ast.ClassDef):
        bases = f"({', '.join(map(ast.unparse, node.bases))})" if node.bases else ""
        frozen = any("frozen=True" in ast.unparse(each) for each in node.decorator_list)
        yield f"{'frozen ' * frozen}class {name}{bases}"
        yield from (f"    {line}" for part in node.body for line in _member(part))
    elif isinstance(node, ast.Assign):
        yield f"{name} = {ast.unparse(node.value)}"


def _member(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield f"{node.target.id}: {ast.unparse(node.annotation)}{_default(node.value)}"
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
        decorators = set(map(ast.unparse, node.decorator_list))
        returned = f": {ast.unparse(node.returns)}" if node.returns else ""
        yield f"{node.name}{returned}  (property)" if "property" in decorators else _function(node.name, node)


def _function(name: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    first = node.args.args[:1]
    if first and first[0].arg == "self":
        node.args.args = node.args.args[1:]
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{'async ' * isinstance(node, ast.AsyncFunctionDef)}{name}({ast.unparse(node.args)}){returned}"


def _default(value: ast.expr | None) -> str:
    """As a caller sees it: `field(default=(), repr=False)` is `()`, and what `init=False` has nobody gives."""
    if value is None:
        return ""
    if not isinstance(value, ast.Call) or ast.unparse(value.func) not in ("field", "option"):
        return f" = {ast.unparse(value)}"
    said = {keyword.arg: ast.unparse(keyword.value) for keyword in value.keywords}
    if said.get("init") == "False":
        return "  (computed)"
    if "default_factory" in said:
        return f" = {said['default_factory']}()"
    given = ast.unparse(value.args[0]) if value.args else said.get("default", "")
    return f" = {given}" if given else ""
