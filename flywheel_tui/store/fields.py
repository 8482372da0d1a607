"""Where each field of the expression language lies in the store.

The SQL speaks of two aliases: `c`, the row of pair_current, and `p`, its current version in pair:

    SELECT … FROM pair_current c JOIN pair p ON p.id = c.pair_id WHERE c.dataset_id = ? AND (CONDITION)

`needs_pair()` says when the join can be left out.
"""

from __future__ import annotations

import re

from flywheel_tui.expressions import Expression
from flywheel_tui.store.expression_sql import Columns, JsonMap, Scalar, TextList, to_sql

_VERDICT_SCORES = "(SELECT verdict.scores FROM verdict WHERE verdict.id = c.verdict_id)"
_REJECTED = """CASE WHEN p.kind = 'preference' AND json_type(p.body, '$.rejected') = 'text'
 THEN substr(json_extract(p.body, '$.rejected'), 1) END""".replace("\n", "")

PAIR_COLUMNS: Columns = {
    "id": Scalar("c.id"),
    "kind": Scalar("p.kind"),
    "instruction": Scalar("p.instruction"),
    "input": Scalar("p.input"),
    "output": Scalar("p.output"),
    "chosen": Scalar("CASE WHEN p.kind = 'preference' THEN p.output END"),
    "rejected": Scalar(_REJECTED),
    "length": Scalar("p.length"),
    "category": Scalar("p.category"),
    "tags": TextList("SELECT substr(e.value, 1) AS v FROM json_each(c.tags) e WHERE e.type = 'text'"),
    "source": Scalar("(SELECT source.name FROM source WHERE source.id = p.source_id)"),
    "cycle": Scalar("p.cycle"),
    "label": Scalar("c.status"),
    "reviewer": Scalar("c.reviewer"),
    "scores": JsonMap(
        _VERDICT_SCORES,
        keys=f"SELECT e.key AS v FROM json_each({_VERDICT_SCORES}) e WHERE e.type <> 'null' AND e.key <> 'overall'"
        " UNION ALL SELECT 'overall' WHERE c.score IS NOT NULL",
        columns={"overall": "c.score"},
    ),
    "passed": Scalar("c.passed"),
    "judge": Scalar("(SELECT judge_run.tag FROM judge_run WHERE judge_run.id = c.judge_run_id)"),
    "findings": TextList(
        "SELECT finding.check_name AS v FROM finding WHERE finding.pair_id = c.pair_id UNION ALL"
        " SELECT finding.check_name || ':' || finding.severity FROM finding WHERE finding.pair_id = c.pair_id",
        some="c.findings > 0",
    ),
    "tier": Scalar("c.tier"),
    "meta": JsonMap("p.meta", keys="SELECT e.key AS v FROM json_each(p.meta) e WHERE e.type <> 'null'", columns={}),
}

_PAIR_ALIAS = re.compile(r"\bp\.")


def _speaks_of_pair(column: Scalar | TextList | JsonMap) -> bool:
    match column:
        case Scalar(sql):
            return bool(_PAIR_ALIAS.search(sql))
        case TextList(rows):
            return bool(_PAIR_ALIAS.search(rows))
        case JsonMap(document):
            return bool(_PAIR_ALIAS.search(document))


FIELDS_OF_PAIR = frozenset(name for name, column in PAIR_COLUMNS.items() if _speaks_of_pair(column))


def needs_pair(expression: Expression) -> bool:
    """Whether the condition speaks of `p`; where not, pair_current alone answers it."""
    return not FIELDS_OF_PAIR.isdisjoint(expression.fields_used)


def pair_condition(expression: Expression) -> tuple[str, list[object]]:
    """The condition over `c` and `p` for WHERE, and its parameters."""
    return to_sql(expression, PAIR_COLUMNS)
