"""Mutants of a module: every small change to its code that a good test should notice. Pure.

Operators (the usual ones of the field: Offutt et al., "An Experimental Determination of Sufficient Mutant Operators",
TOSEM 1996, with strings and returns because the modules here render text):

- comparisons turned round or made sharper: `==`/`!=`, `<`/`<=`, `>`/`>=`, `in`/`not in`, `is`/`is not`
- `and`/`or`; `not x` becomes `x`; a bare condition becomes its opposite
- `+`/`-`, `*`/`//`, `/` and `%` become `*`
- numbers plus one; `True`/`False`; texts marked with XX on both sides
- `return x` becomes `return None`; `break`/`continue`

Left alone, because nothing that runs reads them: docstrings, annotations, decorators (`slots=True`), `strict=` of zip, `__all__`.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
}


@dataclass(frozen=True)
class Mutant:
    """A changed module: where, what, and its code."""

    line: int
    what: str
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """All mutants of `source`, in its order."""
    original = ast.parse(source)
    total = sum(len(_changes(node)) for node in _places(original))
    for number in range(total):
        tree = copy.deepcopy(original)
        changes = [(n, change) for n in _places(tree) for change in _changes(n)]
        node, (what, apply) = changes[number]
        line = getattr(node, "lineno", 0)
        apply(node)
        yield Mutant(line, what, ast.fix_missing_locations(tree))


def _places(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs."""
    yield tree
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list", "type_params", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_idle(child):
                yield from _places(child)


def _is_idle(node: ast.AST) -> bool:
    docstring = (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
    strict = isinstance(node, ast.keyword) and node.arg == "strict"
    exports = isinstance(node, ast.Assign) and any(
        isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets
    )
    return docstring or strict or exports or isinstance(node, (ast.Import, ast.ImportFrom))


Change = tuple[str, "Apply"]


class Apply:
    """Sets one field of a node (or of one item of a list in it)."""

    def __init__(self, field: str, value: object, index: int | None = None) -> None:
        self._field, self._value, self._index = field, value, index

    def __call__(self, node: ast.AST) -> None:
        """Change `node`."""
        if self._index is None:
            setattr(node, self._field, self._value)
        else:
            getattr(node, self._field)[self._index] = self._value


def _changes(node: ast.AST) -> list[Change]:
    match node:
        case ast.Compare():
            return [
                (_pair(op, other), Apply("ops", other(), n))
                for n, op in enumerate(node.ops)
                for other in [_COMPARISONS[type(op)]]
            ]
        case ast.BoolOp():
            other = ast.Or if isinstance(node.op, ast.And) else ast.And
            return [(_pair(node.op, other), Apply("op", other()))]
        case ast.BinOp() | ast.AugAssign() if type(node.op) in _ARITHMETIC:
            arithmetic = _ARITHMETIC[type(node.op)]
            return [(_pair(node.op, arithmetic), Apply("op", arithmetic()))]
        case ast.If() | ast.IfExp() | ast.While():
            return _condition(node.test)
        case ast.Return(value=value) if value is not None and not _is_none(value):
            return [("return None", Apply("value", ast.Constant(None)))]
        case ast.Constant():
            return _constant(node.value)
        case _:
            return []


def _condition(test: ast.expr) -> list[Change]:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return [("not x → x", Apply("test", test.operand))]
    if isinstance(test, (ast.Compare, ast.BoolOp)):
        return []  # has mutants of its own
    return [("x → not x", Apply("test", ast.UnaryOp(ast.Not(), test)))]


def _constant(value: object) -> list[Change]:
    match value:
        case bool():
            return [(f"{value} → {not value}", Apply("value", not value))]
        case int() | float():
            return [(f"{value} → {value + 1}", Apply("value", value + 1))]
        case str():
            return [(f"{value!r} → marked", Apply("value", f"XX{value}XX"))]
        case _:
            return []


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _pair(old: object, new: type[object]) -> str:
    return f"{type(old).__name__} → {new.__name__}"
