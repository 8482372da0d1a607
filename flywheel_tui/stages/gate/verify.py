"""Compute a bundle again from its raw files, and say what is not as it says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from flywheel_tui.errors import FlywheelError, InputError
from flywheel_tui.records.evaluation import Item, Judgement
from flywheel_tui.stages.evaluate.items import digest_of, passed
from flywheel_tui.stages.evaluate.measure import canonical
from flywheel_tui.stages.gate.derive import DERIVED, GATES, SUMMARY, Raw, derive, read_raw
from flywheel_tui.stages.gate.files import MANIFEST, changed, read_bundle, zipped

_NOTHING: tuple[Any, ...] = (0, None, "")
CLOSE = 1e-6
"""Figures computed on another processor may differ in their last digits."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that does not hold: in which file, and what."""

    file: str
    what: str


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `hash` is that of the manifest; `verdict` is computed here, None where it could not be.

    `notes` say what differs and is no fault: the sentences of a bundle that another version of this program made.
    """

    path: str
    hash: str
    ok: bool
    verdict: str | None
    problems: tuple[Problem, ...]
    files: int
    items: int
    numbers: int
    notes: tuple[str, ...] = ()


def verify_bundle(path: Path, *, expected: str = "") -> Verification:
    """Check every hash of a bundle (a folder or a zip) and compute every number again from its items.

    `expected` is the hash that the bundle should have. Raises InputError where there is no bundle at all.
    """
    files = read_bundle(path)
    problems = [Problem(file=name, what="is not what was sealed") for name in changed(files)]
    if path.is_file() and zipped(files) != path.read_bytes():
        problems.append(Problem(file=path.name, what="is not the zip that these files make"))
    hash = sha256(files.get(MANIFEST, b"")).hexdigest()
    if expected and hash != expected:
        problems.append(Problem(file=MANIFEST, what=f"the bundle's hash is {hash[:16]}, not {expected[:16]}"))
    verdict, items, numbers = None, 0, 0
    notes: tuple[str, ...] = ()
    try:
        raw = read_raw(files)
        again = derive(raw)
        items = len(raw.items)
        verdict = msgspec.json.decode(again[GATES], type=Judgement).verdict
        problems += _raw_problems(raw)
        older = _other_version(files)
        for name in DERIVED:
            found, compared = _compare(name, files, again[name])
            kept = [one for one in found if not (older and _only_words(name, one))]
            if len(kept) < len(found):
                notes = (f"made by version {older}, whose sentences were others; its figures and verdicts hold",)
            problems += kept
            numbers += compared
    except InputError as error:
        problems.append(Problem(file=error.file or str(path), what=error.message))
    except FlywheelError as error:
        problems.append(Problem(file=str(path), what=str(error)))
    return Verification(
        path=str(path), hash=hash, ok=not problems, verdict=verdict, problems=tuple(problems), files=len(files),
        items=items, numbers=numbers, notes=notes if not problems else (),
    )  # fmt: skip


def _other_version(files: Mapping[str, bytes]) -> str:
    """The version of this program that made a bundle where it is another one, else ''."""
    try:
        made = str(msgspec.json.decode(files["environment.json"])["packages"]["flywheel-tui"])
    except (KeyError, TypeError, msgspec.MsgspecError, RecursionError):
        return ""
    return made if made != version("flywheel-tui") else ""


def _only_words(name: str, problem: Problem) -> bool:
    """Whether a problem is about a sentence, not about a figure or a verdict."""
    return name == SUMMARY or problem.what.split(" ", 1)[0].endswith((".why", ".missing", ".title"))


def _raw_problems(raw: Raw) -> Iterator[Problem]:
    """What the raw files say of each other: the criteria's hash, the items' hash, whether each answer is right."""
    registered, about = raw.registered, raw.about
    if sha256(canonical(registered.criteria)).hexdigest() != registered.hash:
        yield Problem(file="criteria.json", what="the criteria are not those that were registered under their hash")
    if registered.hash != about.criteria_hash:
        yield Problem(file="evaluation.json", what="it was begun with other criteria")
    if about.facts.get("items") != digest_of(raw.items):
        yield Problem(file="items.jsonl", what="these are not the items that were asked")
    for item in raw.items:
        for side in ("base", "candidate"):
            if (said := getattr(item, f"{side}_passed")) is not None and said != _again(item, side):
                what = f"checked again, the {side}'s answer to {item.key} is not {said}"
                yield Problem(file="items.jsonl", what=what)


def _again(item: Item, side: str) -> bool | None:
    output = getattr(item, f"{side}_output")
    return None if output is None else passed(item, output)


def _compare(name: str, files: Mapping[str, bytes], again: bytes) -> tuple[list[Problem], int]:
    if name not in files:
        return [Problem(file=name, what="is missing")], 0
    if name == SUMMARY:
        same = files[name] == again
        return ([] if same else [Problem(file=name, what="does not say what the figures say")]), 0
    try:
        said = msgspec.json.decode(files[name])
    except (msgspec.MsgspecError, RecursionError) as error:
        return [Problem(file=name, what=f"cannot be read ({error})")], 0
    count = [0]
    places = list(_differences(said, msgspec.json.decode(again), "", count))
    problems = [Problem(file=name, what=f"{place} is not what the items give: {what}") for place, what in places[:20]]
    return problems, count[0]


def _differences(said: Any, again: Any, place: str, count: list[int]) -> Iterator[tuple[str, str]]:
    if isinstance(said, dict) and isinstance(again, dict):
        for name in sorted({*said, *again}):
            if name not in said and again[name] in _NOTHING:
                # a figure that the version which made the bundle did not know, and which says nothing
                continue
            yield from _differences(said.get(name), again.get(name), f"{place}.{name}".lstrip("."), count)
    elif isinstance(said, list) and isinstance(again, list) and len(said) == len(again):
        for number, pair in enumerate(zip(said, again, strict=True)):
            yield from _differences(*pair, f"{place}[{number}]", count)
    elif _is_number(said) and _is_number(again):
        count[0] += 1
        if not math.isclose(said, again, rel_tol=CLOSE, abs_tol=CLOSE):
            yield place, f"it says {said}, computed {again}"
    elif said != again and not _is_digest(place):
        yield place, f"it says {str(said)[:80]!r}, computed {str(again)[:80]!r}"


def _is_digest(place: str) -> bool:
    """Digests of computed files follow their last digits; that they fit the files is checked by the manifest."""
    return place in ("predicate.results.sha256", "predicate.gates.sha256")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
