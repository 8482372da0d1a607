"""The SQL of an expression: plain where it can be, with every literal bound, its indexes, and no join without need."""

from __future__ import annotations

import pytest
from expression_bench import Bench

from flywheel_tui.expressions import FIELDS, parse
from flywheel_tui.store.fields import FIELDS_OF_PAIR, PAIR_COLUMNS, needs_pair, pair_condition


def sql_of(source: str) -> tuple[str, list[object]]:
    return pair_condition(parse(source))


def test_simple_comparisons_come_out_plain() -> None:
    assert sql_of("label == 'approved'") == ("c.status = ?", ["approved"])
    assert sql_of("length > 100") == ("p.length > ?", [100])
    assert sql_of("scores['overall'] >= 7.5") == ("c.score >= ?", [7.5])
    assert sql_of("label in ['open', 'skipped']") == ("c.status IN (?, ?)", ["open", "skipped"])
    assert sql_of("passed == true and reviewer is None") == ("c.passed = ? AND c.reviewer IS NULL", [1])
    assert sql_of("not findings") == ("NOT (c.findings > 0)", [])


def test_every_literal_is_bound() -> None:
    text, parameters = sql_of("'x; DROP TABLE pair' in output and meta['k\\\"]'] == 'v' and length * 31337 > 4242")
    assert not any(part in text for part in ("DROP", 'k"]', "31337", "4242"))
    assert text.count("?") == len(parameters)


@pytest.mark.parametrize(
    "source",
    ["label == 'approved'", "label == 'approved' and 'x' in tags", "not findings and 'approved' == label"],
)
def test_the_index_by_status_serves_a_filter_by_label(bench: Bench, source: str) -> None:
    expression = parse(source)
    assert not needs_pair(expression)
    condition, parameters = pair_condition(expression)
    query = f"SELECT c.id FROM pair_current c WHERE c.dataset_id = ? AND ({condition}) ORDER BY c.position LIMIT 50"
    plan = " | ".join(row[3] for row in bench.store.read().execute("EXPLAIN QUERY PLAN " + query, (1, *parameters)))
    assert "USING INDEX pair_current_by_status (dataset_id=? AND status=?" in plan.replace("COVERING ", "")


def test_a_finding_is_looked_up_by_its_index(bench: Bench) -> None:
    condition, parameters = sql_of("'pii' in findings")
    query = f"EXPLAIN QUERY PLAN SELECT c.id FROM pair_current c WHERE {condition}"
    plan = " | ".join(row[3] for row in bench.store.read().execute(query, parameters))
    assert "finding_by_pair (pair_id=? AND check_name=?)" in plan


def test_which_fields_need_the_join() -> None:
    assert {
        *(
            "kind",
            "instruction",
            "input",
            "output",
            "chosen",
            "rejected",
            "length",
            "category",
            "source",
            "cycle",
            "meta",
        ),
    } == FIELDS_OF_PAIR
    assert not needs_pair(
        parse("label == 'open' and 'x' in tags and scores['a'] > 3 and judge == 'j' and not findings")
    )
    assert needs_pair(parse("label == 'open' or meta['x'] == 1"))


def test_every_field_of_the_language_has_its_place() -> None:
    assert set(PAIR_COLUMNS) == set(FIELDS)
