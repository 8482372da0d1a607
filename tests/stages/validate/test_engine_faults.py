"""Whatever a check or a row does, a run goes on: what fails is named, what is said is bounded, nonsense is refused."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import pytest
from factories import add_pairs
from shouting import AddRows, Register, current, numbered, run

from flywheel_tui.errors import MissingExtraError, NotFoundError, UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.validate import ValidateOptions, validate
from flywheel_tui.stages.validate.base import Candidate, Check, Found
from flywheel_tui.stages.validate.look import MAX_PER_PAIR
from flywheel_tui.workspace import Workspace

pytestmark = pytest.mark.usefixtures("shout")


class Fragile(Check):
    name = "fragile"
    default = False

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        for row in rows:
            if "bomb" in (row.output or ""):
                raise RuntimeError("it went off \ud800")
            yield Found(row.id, "info", "output", 0, 1, "fine")


class FragileTogether(Check):
    name = "fragile_together"
    default = False
    compares = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.ids: list[int] = []

    def feed(self, rows: Sequence[Candidate]) -> None:
        if any("bomb" in (row.output or "") for row in rows):
            raise RecursionError("too deep")
        self.ids += [row.id for row in rows]

    def finish(self) -> Iterable[Found]:
        if len(self.ids) > 100:
            raise ValueError("cannot count so far")
        return [Found(id, "info", None, None, None, "fed") for id in self.ids]


def test_a_row_that_breaks_a_check_stops_nothing(add_rows: AddRows, registered: Register) -> None:
    registered(Fragile)
    registered(FragileTogether)
    rows = numbered(20)
    rows[5]["output"] = "a bomb"
    workspace = add_rows(rows)
    report = run(workspace, "fragile", "fragile_together")
    for check in report.checks:
        assert check.could_not == 1
        assert check.findings == {"error": 1, "info": 19}
        assert check.examples[0].position == 6
        assert check.examples[0].message.startswith(f"check {check.name} could not look at this pair: R")


def test_a_check_that_fails_as_a_whole_is_named_and_its_findings_stay(add_rows: AddRows, registered: Register) -> None:
    registered(FragileTogether)
    workspace = add_rows(numbered(50))
    run(workspace, "fragile_together")
    add_rows(numbered(60, start=100, loud=[100]))
    report = run(workspace, "fragile_together", "shout")
    failed = {check.name: check.failed for check in report.checks}
    assert failed == {"fragile_together": "ValueError: cannot count so far", "shout": None}
    assert not report.passed
    assert report.findings == {"warning": 1, "info": 50}


class Chatty(Check):
    name = "chatty"
    default = False

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        for row in rows:
            for at in range(500):
                severity = "error" if at == 400 else "info"
                yield Found(row.id, severity, "output", at, at + 1, "x" * 5_000)


def test_findings_of_one_pair_are_bounded_and_the_worst_is_kept(add_rows: AddRows, registered: Register) -> None:
    registered(Chatty)
    workspace = add_rows(numbered(300))
    report = run(workspace, "chatty")
    assert report.findings == {"error": 300, "info": 300 * (MAX_PER_PAIR - 1)}
    longest = workspace.store.read().execute("SELECT max(length(message)) FROM finding").fetchone()[0]
    assert longest < 450
    assert current(workspace)[1] == (MAX_PER_PAIR, "error")
    last = workspace.store.read().execute("SELECT message FROM finding WHERE severity = 'error'").fetchone()[0]
    assert last.endswith(f"(and {500 - MAX_PER_PAIR} more like these)")


class Liar(Check):
    name = "liar"
    default = False

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        return [Found(rows[0].id + 999, "warning", None, None, None, "of a pair that it was not given")]


def test_what_a_check_must_not_say_is_an_error_of_the_check(add_rows: AddRows, registered: Register) -> None:
    registered(Liar)
    workspace = add_rows(numbered(2))
    report = run(workspace, "liar")
    assert report.checks[0].could_not == 2
    assert report.findings == {"error": 2}


class Needy(Check):
    name = "needy"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        raise MissingExtraError("needy", "nothing", "none")


def test_a_missing_package_leaves_a_default_check_out_and_says_so(add_rows: AddRows, registered: Register) -> None:
    registered(Needy)
    workspace = add_rows(numbered(3))
    report = validate(workspace, ValidateOptions(dataset="demo", fail_on="never"))
    assert "flywheel-tui[none]" in report.skipped["needy"]
    assert {"schema", "dedup"} <= {check.name for check in report.checks}
    with pytest.raises(MissingExtraError):
        run(workspace, "needy")


class Policed(Check):
    name = "policed"
    default = False
    options: ClassVar[dict[str, Any]] = {"policy": "warn"}


def test_the_pii_policy_reaches_the_checks_that_ask_for_it(add_rows: AddRows, registered: Register) -> None:
    registered(Policed)
    workspace = add_rows(numbered(3))
    assert run(workspace, "policed").checks[0].options == {"policy": "warn"}
    assert run(workspace, "policed", pii_policy="strict").checks[0].options == {"policy": "strict"}
    report = run(workspace, "policed", "shout", pii_policy="off")
    assert "PII policy" in report.skipped["policed"]
    assert [check.name for check in report.checks] == ["shout"]


def test_unknown_names_and_options_are_refused(add_rows: AddRows) -> None:
    workspace = add_rows(numbered(3))
    with pytest.raises(UsageError, match="there is no check 'shuot'"):
        run(workspace, "shuot")
    with pytest.raises(UsageError, match="no option 'volume'"):
        run(workspace, options={"shout": {"volume": 3}})
    with pytest.raises(UsageError, match="does not run"):
        run(workspace, options={"dedup": {"keep": "first"}})
    with pytest.raises(NotFoundError):
        validate(workspace, ValidateOptions(dataset="nothing"))


def test_hostile_rows_pass_through(workspace: Workspace) -> None:
    deep = "[" * 400 + "]" * 400
    hostile = [
        "a" * 10_000_000,
        "(" * 200_000,
        "\x00\x01\x02 nul \x1b[2J",
        "a@" * 100_000,
        "\u202e" * 100_000 + "\U000e0041" * 100_000,
        deep,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa! " * 20_000,
        " \n" * 200_000,
        "0" * 1_000_000,
        "é" * 300_000,
    ]
    add_pairs(workspace, [Draft(instruction=f"row {n}", output=text) for n, text in enumerate(hostile)])
    started = time.process_time()
    report = run(workspace, "schema", "dedup", "shout")
    assert report.pairs == len(hostile)
    assert not any(check.could_not or check.failed for check in report.checks)
    assert time.process_time() - started < 60, "seconds; what grows with the square of the text takes hours"


def test_a_body_that_cannot_be_read_is_said_once(add_rows: AddRows) -> None:
    workspace = add_rows([{"kind": "sft", "instruction": "x", "body": {"a": 1}, "output": "y", "uid": "1"}])
    deep = "[" * 900 + "]" * 900
    with workspace.store.tx() as connection:
        connection.execute("DROP TRIGGER pair_is_immutable")
        connection.execute("UPDATE pair SET body = ?", (f'{{"a": {deep}}}',))
    report = run(workspace, "schema", "dedup", "shout")
    assert not any(check.could_not for check in report.checks)
