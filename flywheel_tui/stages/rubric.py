"""Reading rubrics: YAML files that people write, checked whole before they are used.

YAML is a large language; only its plain part is read: no aliases (a few hundred bytes can stand for gigabytes), no
tags, no key twice, at most 256 KB and eight levels. Errors name the file, the line and what would be right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import InputError, NotFoundError, UsageError
from flywheel_tui.records.rubric import Rubric, RubricKind
from flywheel_tui.resources import shipped

if TYPE_CHECKING:
    import yaml

    from flywheel_tui.workspace import Workspace

MAX_BYTES = 256 * 1024
MAX_DEPTH = 8
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_AT_PATH = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_FORMS = {"true": True, "false": False, "null": None, "~": None, "": None}

PathInFile = tuple[str | int, ...]


def load_rubric(path: Path) -> Rubric:
    """The rubric in a file. Raises InputError with file and line where it is not one."""
    return parse_rubric(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a small file that a person wrote. Raises InputError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", file=str(path), remedy="name a file that can be read"
        ) from error
    if len(data) > MAX_BYTES:
        raise InputError(f"is {len(data):,} bytes long", file=str(path), remedy=f"at most {MAX_BYTES:,} bytes are read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError("is not UTF-8", file=str(path), line=line, remedy="save it as UTF-8") from error


def parse_rubric(text: str, file: str = "") -> Rubric:
    """The rubric that a text holds; `file` is named in errors. Raises InputError."""
    value, lines = read_yaml(text, file)
    try:
        rubric = msgspec.convert(value, Rubric)
    except msgspec.ValidationError as error:
        raise located(str(error), lines, file) from None
    for path, message, remedy in _faults(rubric):
        raise InputError(message, file=file, line=line_of(lines, path), field=shown_path(path), remedy=remedy)
    return msgspec.structs.replace(rubric, hash=_content_hash(rubric))


def rubric_files(workspace: Workspace) -> dict[str, Path]:
    """The rubrics there are, by name: those of the workspace, else the shipped ones."""
    found: dict[str, Path] = {}
    for folder in (shipped("rubrics"), workspace.root / "rubrics"):
        found |= {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return found


def named_rubric(workspace: Workspace, name: str) -> Rubric:
    """The rubric of that name. Raises NotFoundError that lists the known ones, InputError where its file is off."""
    files = rubric_files(workspace)
    if name not in files:
        raise NotFoundError("rubric", name, sorted(files))
    return load_rubric(files[name])


def save_rubric(workspace: Workspace, text: str, *, replace: bool = False) -> Rubric:
    """Write a rubric's YAML into the workspace, under its own name; the rubric.

    Raises InputError where it is none, UsageError where the workspace has one of that name with other content and
    `replace` was not said.
    """
    rubric = parse_rubric(text, "the new rubric")
    path = workspace.folder("rubrics") / f"{rubric.name}.yaml"
    if path.exists() and not replace and load_rubric(path).hash != rubric.hash:
        raise UsageError(
            f"the workspace has a rubric {rubric.name!r} already; give the new one another name, or --force"
        )
    written = path.with_suffix(".yaml.tmp")
    written.write_text(text, "utf-8")
    written.replace(path)
    return rubric


def rubric_text(rubric: Rubric) -> str:
    """A rubric as YAML, to be edited and read again: without the parts that are empty."""
    import yaml

    said = msgspec.to_builtins(rubric)
    plain = msgspec.to_builtins(Rubric(name="", version=0, kind=RubricKind.SCORED))
    kept = {name: value for name, value in said.items()
            if name in ("name", "version", "kind") or (name != "hash" and value != plain[name])}  # fmt: skip
    for part in kept.get("questions", ()):
        for name, usual in (("category", ""), ("weight", 1.0), ("gate", False)):
            if part.get(name) == usual:
                del part[name]
    text: str = yaml.dump(kept, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=110)
    return text


def _dumper() -> type[yaml.SafeDumper]:
    """Texts of several lines as blocks, the way people write them; nothing shared, so that no alias is written."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    return Dumper


def rubric_for(workspace: Workspace, kind: str) -> Rubric:
    """What to label pairs of a kind with: the setting `rubric`, else the shipped choice for that kind."""
    if chosen := workspace.settings.rubric:
        return named_rubric(workspace, chosen)
    return named_rubric(workspace, "preference" if kind == "preference" else "default")


# -- YAML


def read_yaml(text: str, file: str) -> tuple[Any, dict[PathInFile, int]]:
    """The value of a document, and the line of each part of it by its path."""
    import yaml

    try:
        # The events first: an alias or a deep nest is refused before anything is built from it.
        _check_events(yaml.parse(text, Loader=yaml.SafeLoader), file)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise InputError(
            f"is not YAML: {error.problem or error.context}", file=file, line=line, remedy="mend that line"
        ) from None
    except yaml.YAMLError as error:
        message = str(error).splitlines()[0]
        raise InputError(f"is not YAML: {message}", file=file, remedy="remove what is not text") from None
    if node is None:
        raise InputError("is empty", file=file, remedy="start from the rubric that is called default")
    lines: dict[PathInFile, int] = {}
    return _plain(node, (), lines, file), lines


def _check_events(events: Iterable[yaml.Event], file: str) -> None:
    import yaml

    depth = documents = 0
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise InputError("has an alias or anchor", file=file, line=line, remedy="write the value out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise InputError("is nested too deeply", file=file, line=line, remedy=f"at most {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise InputError("holds a second document", file=file, line=line, remedy="one document a file")


def _plain(node: yaml.Node, path: PathInFile, lines: dict[PathInFile, int], file: str) -> Any:
    """Lists, dictionaries, text, numbers, true, false and null: nothing else has a meaning here."""
    import yaml

    line = lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, number), lines, file) for number, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise InputError("has a key that is not a word", file=file, line=line, remedy="use plain keys")
            key = key_node.value
            if key in found:
                raise InputError(f"has the key {key!r} twice", file=file, line=line, remedy="keep one of them")
            found[key] = _plain(value_node, (*path, key), lines, file)
        return found
    return _scalar(node, file, line)


def _scalar(node: yaml.Node, file: str, line: int) -> Any:
    text: str = node.value
    kind = node.tag.rpartition(":")[2]
    if kind == "str":
        return text
    if kind in ("bool", "null"):
        if text.lower() in _FORMS:
            return _FORMS[text.lower()]
        return text  # YAML 1.1 takes yes, no, on and off for booleans; here they are words
    if kind in ("int", "float"):
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError:
            pass
    raise InputError(f"{text[:40]!r} has no meaning here", file=file, line=line, remedy="put quotes around it")


# -- what a rubric must be


def _faults(rubric: Rubric) -> Iterator[tuple[PathInFile, str, str]]:
    """`(where, what is wrong, what would be right)`, in the order of the file."""
    if not _NAME.fullmatch(rubric.name):
        yield ("name",), f"{rubric.name[:80]!r} is no name", "use lower-case letters, digits, . _ and -, at most 64"
    if rubric.version < 1:
        yield ("version",), f"{rubric.version} is no version", "count versions from 1"
    yield from _faulty_parts(rubric)
    yield from _faulty_rating(rubric)
    if rubric.kind is RubricKind.BINARY and not rubric.questions:
        yield ("kind",), "a binary rubric needs questions", "add questions, or make it kind: scored"
    if rubric.scale is not None and not rubric.scale.min < rubric.scale.max:
        yield ("scale",), "the scale is empty", "give a min below the max"
    for name, number in (("pass_at", rubric.pass_at),):
        if number is not None and not math.isfinite(number):
            yield (name,), f"{number} is not a finite number", "give a number"


def _faulty_parts(rubric: Rubric) -> Iterator[tuple[PathInFile, str, str]]:
    named = (
        ("criteria", [(part.name, part.weight) for part in rubric.criteria]),
        ("questions", [(part.id, part.weight) for part in rubric.questions]),
        ("reasons", [(part.name, 1.0) for part in rubric.reasons]),
    )
    for field, parts in named:
        seen: set[str] = set()
        for number, (name, weight) in enumerate(parts):
            if not name.strip() or name in seen:
                yield (field, number), f"the name {name!r} is empty or used twice", "give each its own"
            if not math.isfinite(weight) or weight == 0:
                yield (field, number, "weight"), f"{weight} is no weight", "give a finite number that is not 0"
            seen.add(name)
    keys: set[str] = set()
    for number, reason in enumerate(rubric.reasons):
        if not re.fullmatch("[0-9]", reason.key) or reason.key in keys:
            yield (("reasons", number, "key"), f"{reason.key[:20]!r} is no free digit", "give each reason a digit")
        keys.add(reason.key)


def _faulty_rating(rubric: Rubric) -> Iterator[tuple[PathInFile, str, str]]:
    rating = rubric.rating
    if rating is None:
        return
    if not 0 <= rating.min < rating.max <= 9:
        yield ("rating",), f"{rating.min} to {rating.max} cannot be typed as a digit", "stay within 0 to 9"
    elif rating.labels and len(rating.labels) != rating.max - rating.min + 1:
        many = rating.max - rating.min + 1
        yield ("rating", "labels"), f"there are {len(rating.labels)} labels for {many} ratings", f"give {many} or none"


def _content_hash(rubric: Rubric) -> str:
    said = msgspec.to_builtins(msgspec.structs.replace(rubric, hash=""))
    if not rubric.prompt:
        del said["prompt"]  # rubrics from before there was such a part keep their hash
    encoded = msgspec.json.Encoder(order="sorted").encode(said)
    return blake2b(encoded, digest_size=16).hexdigest()


def located(message: str, lines: dict[PathInFile, int], file: str) -> InputError:
    """msgspec's words with our place: it ends its message with the JSON path at fault."""
    match = _AT_PATH.match(message)
    assert match is not None
    path: PathInFile = ()
    for name, index in re.findall(r"\.([A-Za-z_]\w*)|\[(\d+)\]", match["path"] or ""):
        path = (*path, name or int(index))
    unknown = re.search(r"unknown field `(\w+)`", message)
    if unknown:
        path = (*path, unknown[1])
        # inside a mapping with free keys the path has a gap
        same = [known for known in lines if known and known[-1] == unknown[1]]
        path = same[0] if path not in lines and len(same) == 1 else path
    remedy = "remove it or correct its name" if unknown else "correct the value"
    said = "no such field" if unknown else match["message"][:1].lower() + match["message"][1:]
    return InputError(said, file=file, line=line_of(lines, path), field=shown_path(path), remedy=remedy)


def line_of(lines: dict[PathInFile, int], path: PathInFile) -> int:
    """The line of a part, or of the nearest part around it that is in the file."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def shown_path(path: PathInFile) -> str:
    return "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
