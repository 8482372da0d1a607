"""A reader of source code that finds text which may reach a widget as markup.

    find_unsafe_sinks(source) -> ["line 12: Static() gets row.title …", …]

A `str` given to a widget is parsed as markup. Allowed are literals, numbers, and what came through the door of
`screens.safe`. Names are followed through assignments, annotations and the return types of functions, in the same file
and, with `names=known_names(sources)`, in the whole tree. Where the reader is wrong, the line says `# safe: reason`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from name_bindings import bindings, last_name

# Which arguments of a Textual widget are parsed as markup: positions (... is all of them) and keywords.
WIDGETS: dict[str, tuple[tuple[int, ...] | None, tuple[str, ...]]] = {
    "Static": ((0,), ("content",)),
    "Label": ((0,), ("content", "renderable")),
    "Button": ((0,), ("label", "tooltip")),
    "Checkbox": ((0,), ("label", "tooltip")),
    "RadioButton": ((0,), ("label", "tooltip")),
    "Collapsible": ((), ("title",)),
    "TabPane": ((0,), ("title",)),
    "Tab": ((0,), ("label",)),
    "Link": ((0,), ("text", "tooltip")),
    "Option": ((0,), ("prompt",)),
    "OptionList": (None, ()),
    "Selection": ((0,), ("prompt",)),
    "SelectionList": (None, ()),
    "Select": ((0,), ("options", "prompt", "tooltip")),
    "Tree": ((0,), ("label",)),
}
METHODS: dict[str, tuple[tuple[int, ...] | None, tuple[str, ...]]] = {
    "add_row": (None, ("label",)),
    "add_rows": ((0,), ("rows",)),
    "add_column": ((0,), ("label",)),
    "add_columns": (None, ()),
    "update_cell": ((2,), ("value",)),
    "update_cell_at": ((1,), ("value",)),
    "add_leaf": ((0,), ("label",)),
    "add_option": ((0,), ("option",)),
    "add_options": ((0,), ("new_options",)),
    "set_options": ((0,), ("options",)),
    "replace_option_prompt": ((1,), ("prompt",)),
    "from_markup": ((0,), ("markup", "text")),
    "from_ansi": ((0,), ("text",)),
}
ATTRIBUTES = {"border_title", "border_subtitle", "tooltip"}
SAFE_TYPES = {"Content", "Text", "int", "float", "bool", "None", "Decimal", "timedelta"}
CONTAINERS = {"list", "tuple", "Sequence", "Iterable", "Iterator", "Optional", "ClassVar", "Final", "dict", "Mapping"}
SAFE_CALLS = {"Content", "safe_text", "safe_rich", "human_number", "human_duration", "relative_time"} | {
    "len", "int", "float", "round", "sum", "abs", "bool", "ord"
}  # fmt: skip
SAFE_METHODS = {"assemble", "styled", "stylize", "stylize_before", "append", "join", "blank", "copy", "count", "index"}
SEQUENCE_CALLS = {"list", "tuple", "sorted", "reversed", "zip", "enumerate", "map"}
_NUMBER_FORMAT = re.compile(r"[<>=^]?[+-]?,?\d*,?(?:\.\d+)?[dfeg%n,]$")
_ESCAPE = re.compile(r"#\s*safe:\s*\S")


@dataclass(slots=True)
class Names:
    """What is known of names anywhere in the tree: types of attributes and results of functions."""

    attributes: dict[str, set[bool]] = field(default_factory=lambda: defaultdict(set))
    functions: dict[str, set[bool]] = field(default_factory=lambda: defaultdict(set))

    def attribute_is_safe(self, name: str) -> bool:
        return self.attributes.get(name, {False}) == {True}

    def function_is_safe(self, name: str) -> bool:
        return self.functions.get(name, {False}) == {True}

    def seen_from(self, source: str) -> Names:
        """The same, where a private name means what its own file says: others may use it for something else."""
        own = known_names([source])
        seen = Names(self.attributes.copy(), self.functions.copy())
        for mine, theirs in ((own.attributes, seen.attributes), (own.functions, seen.functions)):
            theirs.update({name: safe for name, safe in mine.items() if name.startswith("_")})
        return seen


def known_names(sources: Iterable[str]) -> Names:
    """Read annotations of classes and functions, so that other files can be judged with them."""
    names = Names()
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                        names.attributes[item.target.id].add(_type_is_safe(item.annotation))
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute):
                names.attributes[node.target.attr].add(_type_is_safe(node.annotation))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                safe = node.returns is not None and _type_is_safe(node.returns)
                is_property = any(isinstance(d, ast.Name) and "property" in d.id for d in node.decorator_list)
                (names.attributes if is_property else names.functions)[node.name].add(safe)
    return names


def _type_is_safe(annotation: ast.expr) -> bool:
    words = set(re.findall(r"[A-Za-z_]+", ast.unparse(annotation)))
    return bool(words & SAFE_TYPES) and words <= SAFE_TYPES | CONTAINERS


def find_unsafe_sinks(source: str, names: Names | None = None) -> list[str]:
    """One line for every place of `source` where text may reach a widget without passing the door."""
    tree = ast.parse(source)
    reader = _Reader(tree, names.seen_from(source) if names else known_names([source]))
    lines = source.splitlines()
    found = []
    for node, complaint in reader.complaints():
        # A class is excused on its first line, anything else on any of its lines.
        end = node.lineno if isinstance(node, ast.ClassDef) else node.end_lineno
        span = lines[node.lineno - 1 : end]
        if not any(_ESCAPE.search(line) for line in span):
            found.append(f"line {node.lineno}: {complaint}")
    return found


class _Reader:
    def __init__(self, tree: ast.Module, names: Names) -> None:
        self.tree, self.names = tree, names
        self.imported = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }
        self.scopes: list[ast.AST] = []
        self.following: set[tuple[int, str]] = set()

    def complaints(self) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
        yield from self._visit(self.tree)

    def _visit(self, node: ast.AST) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
        is_scope = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Module)
        if is_scope:
            self.scopes.append(node)
        if isinstance(node, ast.Call):
            yield from self._call(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from self._assignment(node)
        elif isinstance(node, ast.ImportFrom):
            yield from self._import(node)
        elif isinstance(node, ast.ClassDef):
            yield from self._class(node)
        elif isinstance(node, ast.FunctionDef) and node.name == "render":
            yield from self._render(node)
        for child in ast.iter_child_nodes(node):
            yield from self._visit(child)
        if is_scope:
            self.scopes.pop()

    # -- sinks

    def _call(self, call: ast.Call) -> Iterator[tuple[ast.expr, str]]:
        name = last_name(call.func)
        if isinstance(call.func, ast.Name):
            origin = self.imported.get(name, "")
            if not origin.startswith("textual."):
                return
            if name == "Markdown" and not _is_false(_keyword(call, "open_links")):
                yield call, "Markdown() opens links by itself; give it open_links=False"
            sink = WIDGETS.get(origin.rsplit(".", 1)[-1])
            is_choice = origin.endswith(".Select")
        else:
            sink = METHODS.get(name)
            is_choice = name == "set_options"
            if (
                name == "update"
                and len(call.args) == 1
                and not call.keywords
                and self._is_text(call.args[0], call.func)
            ):
                sink = ((0,), ())
            if name == "add" and last_name(getattr(call.func, "value", call)) in {"root", "node", "branch", "parent"}:
                sink = ((0,), ("label",))
        if sink is None:
            return
        positions, keywords = sink
        arguments = [a for i, a in enumerate(call.args) if positions is None or i in positions]
        arguments += [k.value for k in call.keywords if k.arg in keywords]
        for argument in arguments:
            first_only = is_choice and argument in call.args[:1]
            if not (self._choices_are_safe(argument) if first_only else self._is_safe(argument)):
                yield call, f"{name}() gets {_excerpt(argument)}; pass it through safe_text or safe_rich"

    def _is_text(self, argument: ast.expr, function: ast.expr) -> bool:
        """`x.update(y)` may be a dict; it is a widget when a query gave it or when y is plainly a text."""
        receiver = getattr(function, "value", None)
        if isinstance(receiver, ast.Call) and last_name(receiver.func) in {"query_one", "query_exactly_one"}:
            return True
        if isinstance(argument, ast.JoinedStr):
            return True
        if isinstance(argument, ast.Call):
            return last_name(argument.func) in {"str", "format", "join", "repr", "escape", "strip"}
        return isinstance(argument, ast.BinOp) and any(
            isinstance(side, ast.Constant | ast.JoinedStr) for side in (argument.left, argument.right)
        )

    def _assignment(self, node: ast.Assign | ast.AnnAssign) -> Iterator[tuple[ast.stmt, str]]:
        if node.value is None:
            return
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Attribute) and target.attr in ATTRIBUTES and not self._is_safe(node.value):
                yield node, f".{target.attr} gets {_excerpt(node.value)}; pass it through safe_text"

    def _import(self, node: ast.ImportFrom) -> Iterator[tuple[ast.stmt, str]]:
        for alias in node.names:
            if alias.name == "escape" and (node.module or "").endswith("markup"):
                yield node, "escape() of markup loses text and still crashes; use safe_text"
            if alias.name == "MarkdownViewer":
                yield node, "MarkdownViewer follows links to local files; use Markdown(open_links=False)"

    def _class(self, node: ast.ClassDef) -> Iterator[tuple[ast.stmt, str]]:
        for base in node.bases:
            bare = base.value if isinstance(base, ast.Subscript) else base
            if isinstance(bare, ast.Name) and self.imported.get(bare.id) == "textual.app.App":
                yield node, f"{node.name} is a bare App; build on screens.terminal.SafeApp"

    def _render(self, node: ast.FunctionDef) -> Iterator[tuple[ast.stmt, str]]:
        if node.returns is not None and ast.unparse(node.returns) == "str":
            yield node, "render() returns str, which is parsed as markup; return Content"

    # -- what is safe

    def _choices_are_safe(self, options: ast.expr) -> bool:
        """The options of a Select are pairs of what is shown and a value; only the first is shown."""
        if isinstance(options, ast.Starred):
            return self._choices_are_safe(options.value)
        if isinstance(options, ast.List):
            return all(self._choices_are_safe(item) for item in options.elts)
        if isinstance(options, ast.Tuple) and options.elts:
            return self._is_safe(options.elts[0])
        if isinstance(options, ast.ListComp | ast.GeneratorExp) and isinstance(options.elt, ast.Tuple):
            return self._is_safe(options.elt.elts[0])
        return self._is_safe(options)

    def _is_safe(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant() | ast.Lambda():
                return True
            case ast.JoinedStr(values=parts):
                return all(self._is_safe(part) for part in parts)
            case ast.FormattedValue(value=value, format_spec=spec):
                return self._is_safe(value) or (spec is not None and _formats_a_number(spec))
            case ast.BinOp(left=left, op=operator, right=right):
                arithmetic = isinstance(operator, ast.Sub | ast.Div | ast.FloorDiv | ast.Pow)
                return arithmetic or (self._is_safe(left) and self._is_safe(right))
            case ast.IfExp(test=test, body=body, orelse=other):
                return (_is_checked(test, body) or self._is_safe(body)) and self._is_safe(other)
            case ast.BoolOp(values=values):
                return all(self._is_safe(value) for value in values)
            case ast.Compare() | ast.UnaryOp():
                return True
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                return all(self._is_safe(item) for item in items)
            case ast.ListComp(elt=element) | ast.GeneratorExp(elt=element):
                return self._is_safe(element)
            case ast.Dict(values=values):
                return all(self._is_safe(value) for value in values)
            case ast.Starred(value=value) | ast.Await(value=value) | ast.NamedExpr(value=value):
                return self._is_safe(value)
            case ast.Subscript(value=value):
                return self._is_safe(value)
            case ast.Call():
                return self._call_is_safe(node)
            case ast.Name(id=name):
                return name.isupper() or self._name_is_safe(name)
            case ast.Attribute(attr=name):
                return name.isupper() or self.names.attribute_is_safe(name)
        return False

    def _call_is_safe(self, call: ast.Call) -> bool:
        name = last_name(call.func)
        if isinstance(call.func, ast.Name):
            if name in SAFE_CALLS or name in WIDGETS:  # widgets are judged where they are called
                return True
            if name in SEQUENCE_CALLS:
                return all(self._is_safe(argument) for argument in call.args)
            if name == "Text":
                return all(self._is_safe(argument) for argument in call.args[:1])
            return self.names.function_is_safe(name)
        owner = call.func.value if isinstance(call.func, ast.Attribute) else call.func
        if isinstance(owner, ast.Name) and owner.id == "Content":
            return True  # from_markup is a sink of its own
        if isinstance(owner, ast.Name) and owner.id == "Text":
            return name != "assemble" or all(self._is_safe(argument) for argument in call.args)
        if name in {"get", "join"}:
            return self._is_safe(owner) and all(self._is_safe(argument) for argument in call.args[name == "get" :])
        return (name in SAFE_METHODS and self._is_safe(owner)) or self.names.function_is_safe(name)

    def _name_is_safe(self, name: str) -> bool:
        """A local name is safe when everything that was ever bound to it is."""
        for scope in reversed(self.scopes):
            key = (id(scope), name)
            if key in self.following:
                return True  # `text = text + "…"`: the other bindings decide
            bound = list(bindings(scope, name))
            if bound:
                self.following.add(key)
                try:
                    return all(self._binding_is_safe(binding) for binding in bound)
                finally:
                    self.following.discard(key)
        return False

    def _binding_is_safe(self, binding: ast.AST | None) -> bool:
        if isinstance(binding, ast.arg):
            return binding.annotation is not None and _type_is_safe(binding.annotation)
        if isinstance(binding, ast.AnnAssign):
            return _type_is_safe(binding.annotation) or (binding.value is not None and self._is_safe(binding.value))
        return isinstance(binding, ast.expr) and self._is_safe(binding)


def _is_checked(test: ast.expr, value: ast.expr) -> bool:
    """`isinstance(value, Content)`, asked of the same expression."""
    return (
        isinstance(test, ast.Call)
        and last_name(test.func) == "isinstance"
        and ast.dump(test.args[0]) == ast.dump(value)
        and _type_is_safe(test.args[1])
    )


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _formats_a_number(spec: ast.expr) -> bool:
    return _NUMBER_FORMAT.search("".join(p.value for p in ast.walk(spec) if isinstance(p, ast.Constant))) is not None


def _excerpt(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:59] + "…"
