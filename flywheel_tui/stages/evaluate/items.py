"""What both models are asked: held-out pairs, tasks with answers that can be checked, confirmed past failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import FlywheelError, InputError, NotFoundError, UsageError
from flywheel_tui.identity import show_uid
from flywheel_tui.records.evaluation import EvaluateOptions, Item
from flywheel_tui.store import evaluations as store
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.tasks import Task
    from flywheel_tui.workspace import Workspace

BUILTIN = "builtin"
GENERAL = "general"
"""The slice of pairs that name none."""
SKILL = "skill:"


def items_for(workspace: Workspace, options: EvaluateOptions, gathered: Sequence[store.Confirmed] = ()) -> list[Item]:
    """All items, each key once: the held-out pairs first, then tasks, then the regression set, with `gathered` failures
    that are not in it yet.

    Raises UsageError where there is nothing to ask, InputError for a file of tasks that cannot be read.
    """
    found: dict[str, Item] = {}
    if options.dataset:
        for item in _of_dataset(workspace, options):
            found.setdefault(item.key, item)
    for item in _of_tasks(options):
        found.setdefault(item.key, item)
    failures = {failure.key: failure for failure in (*reversed(gathered), *store.confirmed(workspace.store.read()))}
    for _, failure in sorted(failures.items()):
        item = _of_failure(failure)
        found.setdefault(item.key, item)
    if not any(item.group != "regression" for item in found.values()):
        raise UsageError(
            "there is nothing to evaluate on; name a held-out data set (-d NAME) or tasks (--tasks builtin)"
        )
    return list(found.values())


def _of_dataset(workspace: Workspace, options: EvaluateOptions) -> Iterator[Item]:
    connection = workspace.store.read()
    dataset = get_dataset(connection, options.dataset)
    pairs = store.pairs_of(connection, dataset.id)
    for pair in pairs[: options.limit] if options.limit else pairs:
        meta = meta_of(pair.meta)
        messages, expected = conversation(pair.instruction, pair.input, pair.body), pair.output or ""
        checker, kept = checker_of(meta, expected, options.checker)
        if expected or checker:
            yield Item(
                key=show_uid(pair.uid), group="holdout", slice=_slice(checker, pair.category, kept),
                family=(pair.family or pair.uid).hex(), messages=messages, expected=expected, checker=checker,
                meta=kept,
            )  # fmt: skip


def meta_of(text: str | None) -> dict[str, Any]:
    """The meta of a pair. A column `meta` of the file that it came from counts like columns of its own."""
    found = msgspec.json.decode(text) if text else {}
    found = found if isinstance(found, dict) else {}
    inner = found.get("meta")
    return inner | found if isinstance(inner, dict) else found


def conversation(instruction: str, given: str | None, body: str | None) -> list[dict[str, str]]:
    """The conversation of a pair up to its answer; `body` is JSON text, `given` what its input holds."""
    said = msgspec.json.decode(body) if body else {}
    messages = said.get("messages") if isinstance(said, dict) else None
    if isinstance(messages, list) and messages:
        plain = [
            {"role": str(one.get("role")), "content": str(one.get("content") or "")}
            for one in messages
            if isinstance(one, dict)
        ]
        while plain and plain[-1]["role"] == "assistant":
            plain.pop()
        if plain:
            return plain
    return [{"role": "user", "content": f"{instruction}\n\n{given}" if given else instruction}]


def checker_of(meta: dict[str, Any], expected: str, fallback: str = "") -> tuple[str, dict[str, Any]]:
    """The name of the checker that a pair's meta chooses ('' for none) and the part of the meta that it needs."""
    from flywheel_tui.tasks import can_check

    if isinstance(meta.get("skill"), str) and isinstance(meta.get("params"), dict):
        kept = {"skill": meta["skill"], "params": meta["params"]}
        name = SKILL + meta["skill"]
    elif isinstance(meta.get("checker"), str):
        kept = {"checker": meta["checker"], "expected": meta.get("expected", expected)}
        name = meta["checker"]
    elif fallback:
        kept, name = {"checker": fallback, "expected": expected}, fallback
    else:
        return "", {}
    return (name, kept) if can_check(kept) else ("", {})


def _slice(checker: str, category: str | None, meta: dict[str, Any]) -> str:
    if checker.startswith(SKILL):
        return checker.removeprefix(SKILL)
    return category or str(meta.get("slice") or "") or GENERAL


def is_compared(item: Item) -> bool:
    """Whether a judge is asked about an item: not about a past failure that a checker decides on."""
    return item.group != "regression" or not item.checker


def passed(item: Item, output: str) -> bool | None:
    """Whether an output is right; None where the item has no checker."""
    from flywheel_tui.tasks import checked

    if not item.checker:
        return None
    try:
        found = checked(item.meta, output)
    except NotFoundError:
        raise
    except FlywheelError as error:
        raise InputError(f"the answer of the item {item.key} cannot be checked: {error}") from None
    return None if found is None else found.passed


# -- tasks


def _of_tasks(options: EvaluateOptions) -> Iterator[Item]:
    if not options.tasks:
        return
    if options.tasks == BUILTIN:
        from flywheel_tui.tasks import load_skills, make_many

        names = list(options.skills) or sorted(load_skills())
        for task in make_many(names, options.tasks_per_skill, seed=options.tasks_seed, split="heldout"):
            yield item_of_task(task, "tasks")
        return
    yield from _of_file(Path(options.tasks), options)


def item_of_task(task: Task, group: str) -> Item:
    """A task as an item; its key is what is asked, so that the same task is the same item everywhere."""
    digest = sha256(f"{task.key}\0{task.prompt}".encode()).hexdigest()[:16]
    return Item(
        key=f"{task.skill}-{digest}", group=group, slice=task.skill, family=task.key,
        messages=[{"role": "user", "content": task.prompt}], expected=task.answer, checker=SKILL + task.skill,
        meta={"skill": task.skill, "params": dict(task.params)},
    )  # fmt: skip


def _of_file(path: Path, options: EvaluateOptions) -> Iterator[Item]:
    """Rows with `prompt`, `expected`, and a `checker` (exact by default) or `skill` and `params`."""
    from flywheel_tui.stages.readers import open_source

    for batch in open_source(str(path)).rows():
        for line, row in zip(batch.lines, batch.rows, strict=True):
            for field in ("prompt", "expected"):
                if not isinstance(row.get(field), str if field == "prompt" else object) or row.get(field) is None:
                    remedy = 'a task is {"prompt": …, "expected": …, "checker": "exact"}'
                    raise InputError("is missing", file=str(path), line=line, field=field, remedy=remedy)
            item = _of_row(row, options.checker)
            if not item.checker:
                remedy = "name exact, numeric, json, regex, contains or skill:NAME"
                named = row.get("checker", options.checker)
                raise InputError(
                    f"no checker {named!r} takes this answer", file=str(path), line=line, field="checker", remedy=remedy
                )
            yield item


def _of_row(row: dict[str, Any], fallback: str) -> Item:
    prompt, expected = str(row["prompt"]), row["expected"]
    said = expected if isinstance(expected, str) else msgspec.json.encode(expected).decode()
    named = {name: row[name] for name in ("skill", "params", "checker", "expected") if name in row}
    checker, kept = checker_of({"checker": "exact"} | named, said, fallback)
    digest = sha256(f"{prompt}\0{said}\0{checker}".encode()).hexdigest()[:16]
    return Item(
        key=str(row.get("id") or f"task-{digest}"), group="tasks",
        slice=str(row.get("slice") or _slice(checker, None, {})), family=str(row.get("family") or digest),
        messages=[{"role": "user", "content": prompt}], expected=said, checker=checker, meta=kept,
    )  # fmt: skip


# -- past failures


def _of_failure(failure: store.Confirmed) -> Item:
    return Item(
        key=f"past-{failure.key}", group="regression", slice=failure.slice, family=failure.family,
        messages=failure.messages, expected=failure.expected, checker=failure.checker, meta=failure.meta,
        failed=failure.answer, confirmed=failure.source,
    )  # fmt: skip


def digest_of(items: Sequence[Item]) -> str:
    """A hash over what is asked, and how answers are checked."""
    digest = sha256()
    for item in items:
        fixed: list[Any] = [
            item.key, item.group, item.slice, item.family, item.messages, item.expected, item.checker, item.meta,
        ]  # fmt: skip
        if item.confirmed:
            fixed += [item.failed, item.confirmed]
        digest.update(msgspec.json.encode(fixed, order="sorted") + b"\n")
    return digest.hexdigest()
