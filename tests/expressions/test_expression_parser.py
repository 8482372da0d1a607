"""What is taken, what is refused, and where the finger points."""

from __future__ import annotations

import pytest

from flywheel_tui.errors import ExpressionError
from flywheel_tui.expressions import FIELDS, Field, Type, parse
from flywheel_tui.expressions.nodes import Arithmetic, Compare, Constant, Logic, Negate, Node, Not, Reference

ADVERSARIAL = [
    "9**9**9",
    "10**10**8",
    "'a'**10**10",
    "output.__class__",
    "''.__class__",
    "length.real",
    "__import__('os')",
    "open('x')",
    "(lambda:1)()",
    "lambda x: 1",
    "[x for x in [1]]",
    "f'{1}'",
    "b'x' == 'x'",
    "r'x' == 'x'",
    "length if 1 else 2",
    "length := 1",
    "output@input",
    "length<<9",
    "length>>9",
    "length//2",
    "length&1",
    "length|1",
    "length^1",
    "~length",
    "!passed",
    "{'a':1}",
    "{1}",
    "...",
    "yield 1",
    "await output",
    "*output",
    "length;1",
    "length#1",
    "meta[output]",
    "meta[-1]",
    "meta['k'][1:2]",
    "meta[1.5]",
    "meta[10000]",
    "meta[None]",
    "meta[true]",
    "meta['k'",
    "meta[]",
    "meta" + "['k']" * 9,
    "1" * 5000,
    "1" * 16,
    "0." + "1" * 16,
    "1e999",
    "1e9999",
    "0x10",
    "1_000",
    "1j",
    "1.",
    ".5",
    "1.2.3",
    "12abc",
    "(" * 1000 + "1" + ")" * 1000,
    "(" * 25 + "1" + ")" * 25,
    "-" * 100_000 + "1",
    "not " * 30_000 + "1",
    " or ".join(["0"] * 20_000),
    " or ".join(["0"] * 101),
    "length in [" + ",".join(["1"] * 150) + "]",
    "1\x00",
    "'a\x00b' in output",
    "'a\x1bb' in output",
    "'a\nb' in output",
    "１ == 1",
    "1１ == 11",
    "lеngth > 1",  # the second letter is Cyrillic
    "length\u202e",
    "length\u00a0> 1",
    "\ud800",
    "'\ud800' in output",
    "unknown > 1",
    "1 2",
    "length >",
    "> length",
    "length in judge()",
    "judge()",
    "'unterminated",
    "\"unterminated'",
    "'bad \\x41 escape'",
    "'ends in a backslash\\",
    "'" + "a" * 401 + "'",
    "\\",
    "is None",
    "length is",
    "length is 3",
    "length is judge",
    "length not 3",
    "length in []",
    "length in [1 2]",
    "length in [1,,2]",
    "length in [length]",
    "length in [1, None]",
    "label in [-'a']",
    "label in ['a'",
    "[1, 2]",
    "(1, 2)",
    "length == [1]",
    "1 < 2 < 3",
    "1 == 1 == 1",
    "length == not 1",
    "and",
    "length and",
    "length or or 1",
    "()",
    "(length",
    "length)",
    "tags[0] == 'a'",
    "length['a']",
    "scores[0] > 1",
    "scores['a']['b'] > 1",
    "",
    "   ",
    "\n",
]


@pytest.mark.parametrize("source", ADVERSARIAL, ids=lambda source: ascii(source[:40]))
def test_refused_with_a_column(source: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(source)
    assert 1 <= caught.value.column <= min(len(source), 1_000) + 1
    assert caught.value.message


@pytest.mark.parametrize(
    ("source", "column", "words"),
    [
        ("length > 3 and lable == 'x'", 16, ["no field 'lable'", "did you mean label?", "id, kind, instruction"]),
        ("score > 3", 1, ["no field 'score'", "did you mean scores['overall']?"]),
        ("Status == 'open'", 1, ["did you mean label?"]),
        ("zzz == 1", 1, ["no field 'zzz'", "fields: id"]),
        ("label = 'x'", 7, ["=="]),
        ("length > 3 && passed", 12, ["and"]),
        ("length > 3 || passed", 12, ["or"]),
        ("length > 3 AND passed", 12, ["'and' in small letters"]),
        ("1 < length < 3", 12, ["not chained"]),
        ("label == “x”", 10, ["straight quotes"]),
        ("label == 'x", 10, ["not closed"]),
        ("'a\\q'", 3, ["backslash"]),
        ("label.lower() == 'x'", 6, ["no attributes"]),
        ("len(output) > 3", 4, ["no functions"]),
        ("length(output) > 3", 7, ["no functions"]),
        ("length ** 2", 8, ["no powers"]),
        ("length <> 2", 8, ["!="]),
        ("tags[0] == 'x'", 5, ["tags is a list", "'x' in tags"]),
        ("label in ['a', None]", 16, ["is None"]),
        ("label is 'x'", 10, ["'=='"]),
        ("length >", 9, ["too early"]),
        ("(length > 3", 12, ["')'"]),
        ("length > 3)", 11, ["unexpected ')'"]),
        ("(" * 25 + "1" + ")" * 25, 25, ["deeper than 24"]),
        ("1" * 1001, 1001, ["1000 characters"]),
        ("1 " * 201, 401, ["200 words"]),
        ("meta[-1] == 1", 6, ["whole number"]),
        ("length\u202e > 3", 7, ["U+202E"]),
    ],
)
def test_the_message_says_where_and_what_instead(source: str, column: int, words: list[str]) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(source)
    assert caught.value.column == column
    for word in words:
        assert word in caught.value.message
    assert str(caught.value).endswith(f"at column {column}")


def shape(node: Node) -> str:
    """The tree with every parenthesis."""
    match node:
        case Constant(value):
            return repr(value)
        case Reference(field):
            return field.name
        case Negate(operand):
            return f"(-{shape(operand)})"
        case Not(operand):
            return f"(not {shape(operand)})"
        case Arithmetic(op, left, right) | Compare(op, left, right):
            return f"({shape(left)} {op} {shape(right)})"
        case Logic(op, operands):
            return "(" + f" {op} ".join(shape(operand) for operand in operands) + ")"
        case _:
            return type(node).__name__


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ("passed or passed and not passed", "(passed or (passed and (not passed)))"),
        ("not passed and passed", "((not passed) and passed)"),
        ("not length == 3", "(not (length == 3))"),
        ("1 + 2 * 3 - 4", "((1 + (2 * 3)) - 4)"),
        ("8 / 4 / 2", "((8 / 4) / 2)"),
        ("8 - 4 - 2", "((8 - 4) - 2)"),
        ("-length * 2", "((-length) * 2)"),
        ("2 - -length", "(2 - (-length))"),
        ("- - length", "(-(-length))"),
        ("- - - length", "(-length)"),
        ("-3 < length + 1", "(-3 < (length + 1))"),
        ("not not not passed", "(not passed)"),
        ("not not passed", "(not (not passed))"),
        ("not not not not passed", "(not (not passed))"),
        ("- - - - label", "(-(-label))"),
        ("(1 + 2) * 3", "((1 + 2) * 3)"),
        ("length > 1 == true", None),
        ("(length > 1) == true", "((length > 1) == True)"),
        ("length > 1 or length < 0 or passed", "((length > 1) or (length < 0) or passed)"),
        ("label == null", "IsNone"),
        ("null != label", "IsNone"),
    ],
)
def test_precedence(source: str, tree: str | None) -> None:
    if tree is None:
        with pytest.raises(ExpressionError):
            parse(source)
    else:
        assert shape(parse(source).root) == tree


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("7", 7),
        ("007", 7),
        ("999999999999999", 999_999_999_999_999),
        ("7.50", 7.5),
        ("1e3", 1000.0),
        ("2.5E-1", 0.25),
        ("'it\\'s'", "it's"),
        ('"say \\"a\\"\\n\\t\\r\\\\"', 'say "a"\n\t\r\\'),
        ("'日本 😀'", "日本 😀"),
        ("True", True),
        ("null", None),
    ],
)
def test_literals(source: str, value: object) -> None:
    root = parse(source).root
    assert isinstance(root, Constant)
    assert root.value == value
    assert type(root.value) is type(value)


def test_an_expression_knows_its_source_and_fields() -> None:
    expression = parse(" length > 3 and scores['overall'] >= meta['min'] ")
    assert expression.source == " length > 3 and scores['overall'] >= meta['min'] "
    assert expression.fields_used == {"length", "scores", "meta"}
    assert expression.warnings == ()
    assert expression == parse(expression.source)
    assert expression != parse("length > 3")


def test_the_limits_themselves_are_taken() -> None:
    assert parse("(" * 24 + "passed" + ")" * 24).matches({"passed": True})
    assert parse("'" + "a" * 400 + "' in output").matches({"output": "a" * 400})
    assert parse("passed" + " " * 994).matches({"passed": True})
    assert parse("not " * 199 + "passed").matches({"passed": False})
    assert parse("meta" + "['k']" * 8 + " is None").matches({})


def test_another_table_of_fields() -> None:
    fields = {"name": Field("name", Type.TEXT, "")}
    assert parse("name == 'a'", fields).matches({"name": "a"})
    with pytest.raises(ExpressionError, match=r"fields: name\)"):
        parse("label == 'a'", fields)


def test_the_fields_are_those_of_the_contract() -> None:
    names = "id kind instruction input output chosen rejected length category tags source cycle label reviewer"
    assert [*FIELDS] == f"{names} scores passed judge findings tier meta".split()


@pytest.mark.parametrize(
    ("source", "column", "words"),
    [
        ("length > 'a'", 8, "length is a number and 'a' is text"),
        ("label == 3", 7, "never compare"),
        ("passed == 'true'", 8, "passed is true or false and 'true' is text"),
        ("tags == 'x'", 6, "write 'x' in tags"),
        ("'x' == tags", 5, "write 'x' in tags"),
        ("tags in ['x']", 10, "write 'x' in tags"),
        ("meta == 'x'", 6, "meta['key']"),
        ("scores > 7", 8, "scores['key']"),
        ("label < None", 7, "is None"),
        ("output + 'x' == 'y'", 8, "numbers only"),
        ("-label == 3", 1, "numbers only"),
        ("label in ['a', 3]", 16, "3 is a number"),
        ("'a' in length", 5, "nothing can be in it"),
        ("3 in output", 3, "only text"),
        ("tags in meta['x']", 6, "tags is a list"),
        ("1 < 2", 1, "same for every pair"),
    ],
)
def test_what_can_never_match_is_warned_about(source: str, column: int, words: str) -> None:
    warnings = parse(source).warnings
    found = [warning for warning in warnings if words in warning.message]
    assert found, warnings
    assert found[0].column == column
    assert str(found[0]).endswith(f"at column {column}")


@pytest.mark.parametrize(
    "source",
    [
        "length > 3",
        "meta['x'] == 'a'",
        "meta['x'] > 3",
        "passed == 1",
        "passed == true",
        "'a' in meta['x']",
        "not tags",
    ],
)
def test_what_may_match_is_not_warned_about(source: str) -> None:
    assert parse(source).warnings == ()
