"""What a name is bound to in a piece of source code; a part of `unsafe_sinks`."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def bindings(scope: ast.AST, name: str) -> Iterator[ast.AST | None]:
    """Everything bound to a name in a function or module: arguments, assignments, loops; None where it is unclear."""
    if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        arguments = scope.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg):
            if argument is not None and argument.arg == name:
                yield argument
    for node in _within(scope):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _from_target(target, value, name)
            case ast.AnnAssign(target=ast.Name(id=bound)) if bound == name:
                yield node
            case ast.AugAssign(target=ast.Name(id=bound), value=value) if bound == name:
                yield value
            case ast.NamedExpr(target=ast.Name(id=bound), value=value) if bound == name:
                yield value
            case ast.Call(func=ast.Attribute(value=ast.Name(id=bound), attr="append" | "extend"), args=[value]) if (
                bound == name
            ):
                yield value
            case ast.For(target=target, iter=iterable) | ast.comprehension(target=target, iter=iterable):
                yield from _from_loop(target, iterable, name)


def _from_target(target: ast.expr, value: ast.expr, name: str) -> Iterator[ast.AST | None]:
    if isinstance(target, ast.Name) and target.id == name:
        yield value
    elif isinstance(target, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=False) if isinstance(value, ast.Tuple) else ()
        matched = [v for t, v in pairs if isinstance(t, ast.Name) and t.id == name]
        if matched:
            yield from matched
        elif any(isinstance(t, ast.Name) and t.id == name for t in target.elts):
            yield value


def _from_loop(target: ast.expr, iterable: ast.expr, name: str) -> Iterator[ast.AST | None]:
    """A loop over safe things binds safe things; the counter of `enumerate` and `range` is a number."""
    function = last_name(iterable.func) if isinstance(iterable, ast.Call) else ""
    if isinstance(target, ast.Name) and target.id == name:
        yield ast.Constant(0) if function == "range" else iterable
    elif isinstance(target, ast.Tuple):
        for position, element in enumerate(target.elts):
            if not any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(element)):
                continue
            is_counter = function == "enumerate" and position == 0
            yield ast.Constant(0) if is_counter else _column(iterable, position)


def _column(iterable: ast.expr, position: int) -> ast.expr:
    """The elements at one place of a literal list of tuples, or the whole where that is not what it is."""
    if isinstance(iterable, ast.List | ast.Tuple):
        rows = [row for row in iterable.elts if isinstance(row, ast.Tuple) and position < len(row.elts)]
        if len(rows) == len(iterable.elts):
            return ast.Tuple(elts=[row.elts[position] for row in rows], ctx=ast.Load())
    return iterable


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a scope without those of the functions inside it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield from _within(child)


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`; empty for anything else."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
