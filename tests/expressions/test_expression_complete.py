"""What the filter bar offers. The cursor is the | in the source."""

from __future__ import annotations

import pytest

from flywheel_tui.errors import ExpressionError
from flywheel_tui.expressions import Suggestion, complete, parse

KNOWN = {
    "label": ["open", "approved", "rejected"],
    "kind": ["sft", "preference"],
    "tags": ["python", "it's"],
    "findings": ["pii"],
    "meta": ["lang", "größe"],
    "scores": ["overall", "safety"],
    "meta['lang']": ["de", "en"],
}


def offered(marked: str) -> list[Suggestion]:
    cursor = marked.index("|")
    return complete(marked.replace("|", ""), cursor, lambda reference: KNOWN.get(reference, []))


def texts(marked: str) -> list[str]:
    return [suggestion.text for suggestion in offered(marked)]


@pytest.mark.parametrize(
    ("marked", "first"),
    [
        ("|", ["id", "kind", "instruction"]),
        ("la|", ["label"]),
        ("LA|", ["label"]),
        ("length > 3 and sc|", ["scores"]),
        ("(fin|", ["findings"]),
        ("not pas|", ["passed"]),
        ("label |", ["==", "!=", "in"]),
        ("length |", ["==", "!=", ">="]),
        ("label n|", ["not in"]),
        ("label is |", ["None", "not None"]),
        ("label is not |", ["None"]),
        ("label not |", ["in"]),
        ("label =|", ["=="]),
        ("label !|", ["!="]),
        ("label == |", ["'open'", "'approved'", "'rejected'"]),
        ("label == 'a|", ["'approved'"]),
        ('label == "a|', ["'approved'"]),
        ("label == 'approved' |", ["and", "or"]),
        ("label == 'approved' a|", ["and"]),
        ("label in [|", ["'open'", "'approved'", "'rejected'"]),
        ("label in ['open', |", ["'open'", "'approved'", "'rejected'"]),
        ("label in ['open'] |", ["and", "or"]),
        ("passed == |", ["true", "false"]),
        ("meta[|", ["'lang']", "'größe']"]),
        ("meta['l|", ["'lang']"]),
        ("meta['lang'] == |", ["'de'", "'en'"]),
        ("scores['s|", ["'safety']"]),
        ("scores['safety'] |", ["==", "!=", ">="]),
        ("'py|", ["'python' in tags"]),
        ("'it|", ["'it\\'s' in tags"]),
        ("'pi|", ["'pii' in findings"]),
        ("'python' |", ["in", "not in"]),
        ("'python' in t|", ["tags", "tier"]),
        ("label == 'x' and kind == |", ["'sft'", "'preference'"]),
        ("(label == 'x' or kind == |", ["'sft'", "'preference'"]),
    ],
)
def test_what_is_offered_first(marked: str, first: list[str]) -> None:
    assert texts(marked)[: len(first)] == first


@pytest.mark.parametrize(("marked", "absent"), [("length > |", "label"), ("label == |", "length"), ("label |", "and")])
def test_what_does_not_fit_is_not_offered(marked: str, absent: str) -> None:
    assert absent not in texts(marked)


def test_nothing_is_offered_within_a_number_or_where_nothing_is_known() -> None:
    assert texts("length > 12|") == []
    assert texts("reviewer == 'z|") == []
    assert complete("x" * 2_000, 5) == []


@pytest.mark.parametrize(
    ("marked", "chosen", "result"),
    [
        ("la| == 'x'", "label", "label == 'x'"),
        ("la|bel == 'x'", "label", None),
        ("le|x > 3", "length", "length > 3"),
        ("label == 'ap|'", "'approved'", "label == 'approved'"),
        ("meta['l|'] == 'de'", "'lang']", "meta['lang'] == 'de'"),
        ("meta[|] == 'de'", "'lang']", "meta['lang'] == 'de'"),
        ("label = 'x'|", None, None),
    ],
)
def test_taking_a_suggestion(marked: str, chosen: str | None, result: str | None) -> None:
    source = marked.replace("|", "")
    for suggestion in offered(marked):
        if suggestion.text == chosen and result is not None:
            taken = source[: suggestion.start] + suggestion.text + source[suggestion.end :]
            assert taken == result
            assert parse(taken)
            return
    assert result is None


@pytest.mark.parametrize("marked", ["|", "label == |", "label in [|", "'|", "meta[|", "scores[|", "kind == 's|"])
def test_every_field_or_value_offered_leads_to_something_that_parses(marked: str) -> None:
    source = marked.replace("|", "")
    for suggestion in offered(marked):
        if suggestion.kind not in ("field", "value"):
            continue
        taken = source[: suggestion.start] + suggestion.text + source[suggestion.end :]
        endings = ["", " is None", " == 1", "]", "['k'] == 1"]
        assert any(_parses(taken + ending) for ending in endings), taken


def _parses(source: str) -> bool:
    try:
        parse(source)
    except ExpressionError:
        return False
    return True
