"""What a program can tell about a demo row. The tests' own checks: they do not lean on the validator."""

from __future__ import annotations

import ast
import json
import operator
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[2] / "data"
DEMO = DATA / "demo"
ABOUT_THE_ROW = {"id", "category", "difficulty", "language", "topic", "flaw", "answerable"}
SWEARING = re.compile(r"\b(?:damn|bloody|arse|crap)\b", re.I)
REFUSAL = re.compile(r"as an ai\b|en tant que modèle de langage|can't help with that", re.I)
INJECTION = re.compile(r"\b(?:score|rate|award)\b.*\b10\b", re.I | re.S)
SECRETS = re.compile(
    r"AKIA[0-9A-Z]{16}|ghp_\w{36}|xoxb-[\w-]{20,}|eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+|BEGIN [A-Z ]*PRIVATE KEY|://\w+:[^@\s]+@"
)
EMAIL = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
PHONE = re.compile(r"\+\d{2}[ \d]{9,14}\d|\(\d{3}\) \d{3}-\d{4}")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
DIGITS = re.compile(r"\b\d(?:[ -]?\d){12,18}\b")
LOOKALIKE = re.compile(r"[A-Za-z][\u0370-\u04ff]|[\u0370-\u04ff][A-Za-z]")
EQUATION = re.compile(r"((?:[\d.]+|[()])(?:\s*[-+×/()]\s*[\d.]*)+)\s*=\s*(-?[\d.]*\d(?:/\d+)?)(?![\d.]*\s*[×])")
ENGLISH = 0.06  # share of the words below from which a text counts as English
COMMON_ENGLISH = {"the", "is", "a", "of", "to", "and", "in", "it", "for", "are", "with", "on", "i", "you", "that"}


@cache
def rows(name: str) -> list[dict[str, Any]]:
    """The rows of one demo file, in order."""
    return [json.loads(line) for line in (DEMO / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


@cache
def listing(name: str) -> Any:
    return json.loads((DEMO / name).read_text(encoding="utf-8"))


def row_at(place: dict[str, Any]) -> dict[str, Any]:
    assert place["line"] >= 1
    row: dict[str, Any] = rows(place["file"].removesuffix(".jsonl"))[place["line"] - 1]
    return row


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []


def content(row: dict[str, Any]) -> str:
    return "\n".join(strings({name: value for name, value in row.items() if name not in ABOUT_THE_ROW}))


def answer_of(row: dict[str, Any]) -> str:
    return str(row["messages"][-1]["content"] if "messages" in row else row.get("output", row.get("answer", "")))


def normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def word_trigrams(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", normal(text))
    return set(zip(words, words[1:], words[2:], strict=False)) or {tuple(words)}


def jaccard(a: str, b: str) -> float:
    x, y = word_trigrams(a), word_trigrams(b)
    return len(x & y) / len(x | y)


def passes_luhn(number: str) -> bool:
    digits = [int(d) for d in reversed(re.sub(r"\D", "", number))]
    doubled = [d * 2 - 9 * (d > 4) for d in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def is_iban(text: str) -> bool:
    compact = text.replace(" ", "")
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def personal_data(text: str) -> list[str]:
    found = [m.group() for pattern in (EMAIL, PHONE, IPV4) for m in pattern.finditer(text)]
    found += [m.group() for m in DIGITS.finditer(text) if passes_luhn(m.group())]
    return found + [m.group() for m in IBAN.finditer(text) if is_iban(m.group())]


def odd_characters(text: str) -> bool:
    hidden = any(unicodedata.category(c) in ("Cc", "Cf", "Co") and c not in "\n\t" for c in text)
    try:
        mojibake = text.encode("cp1252").decode("utf-8") != text
    except UnicodeError:
        mojibake = False
    return hidden or mojibake or LOOKALIKE.search(text) is not None


def show_tags(text: str) -> str:
    return "".join(chr(ord(c) - 0xE0000) if 0xE0020 <= ord(c) <= 0xE007E else c for c in text)


def loops(text: str) -> bool:
    words = re.findall(r"\w+", text.casefold())
    grams = list(zip(words, words[1:], words[2:], strict=False))
    return len(grams) > 20 and len(set(grams)) / len(grams) < 0.5


def english_share(text: str) -> float:
    words = re.findall(r"\w+", text.casefold())
    return sum(w in COMMON_ENGLISH for w in words) / max(len(words), 1)


def schema_errors(value: Any, schema: dict[str, Any]) -> list[str]:
    """The part of JSON Schema that the demo catalogues use; an unknown keyword is an error of the test."""
    types: dict[str, Any] = {
        "string": str,
        "number": (int, float),
        "integer": int,
        "boolean": bool,
        "array": list,
        "object": dict,
    }
    kind = types[schema["type"]]
    if not isinstance(value, kind) or (isinstance(value, bool) and schema["type"] != "boolean"):
        return [f"{value!r} is no {schema['type']}"]
    errors: list[str] = []
    for word, bound in schema.items():
        match word:
            case "type" | "description":
                bad = False
            case "enum":
                bad = value not in bound
            case "pattern":
                bad = re.search(bound, value) is None
            case "minimum":
                bad = value < bound
            case "maximum":
                bad = value > bound
            case "exclusiveMinimum":
                bad = value <= bound
            case "minLength" | "minItems":
                bad = len(value) < bound
            case "required":
                bad = not set(bound) <= set(value)
            case "additionalProperties":
                bad = bound is False and not set(value) <= set(schema["properties"])
            case "items":
                bad = any(schema_errors(item, bound) for item in value)
            case "properties":
                bad = any(schema_errors(value[name], part) for name, part in bound.items() if name in value)
            case _:
                raise AssertionError(f"the test does not know the keyword {word}")
        errors += [f"{word} of {value!r}"] if bad else []
    return errors


def call_errors(row: dict[str, Any]) -> list[str]:
    catalogue = {tool["function"]["name"]: tool["function"]["parameters"] for tool in row["tools"]}
    errors: list[str] = []
    for call in (c for m in row["messages"] for c in m.get("tool_calls", [])):
        name, text = call["function"]["name"], call["function"]["arguments"]
        if name not in catalogue:
            errors.append(f"no tool {name}")
            continue
        try:
            errors += schema_errors(json.loads(text), catalogue[name])
        except json.JSONDecodeError:
            errors.append(f"not JSON: {text}")
    return errors


def citation_errors(row: dict[str, Any]) -> set[str]:
    return set(row["citations"]) - {chunk["id"] for chunk in row["chunks"] if chunk["gold"]}


def arithmetic(expression: str) -> float:
    ops: dict[type, Any] = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
    ops[ast.Div] = operator.truediv

    def value(node: ast.AST) -> float:
        if isinstance(node, ast.BinOp):
            return float(ops[type(node.op)](value(node.left), value(node.right)))
        assert isinstance(node, ast.Constant) and isinstance(node.value, int | float), expression
        return float(node.value)

    return value(ast.parse(expression.strip().replace("×", "*"), mode="eval").body)


def shows_defect(entry: dict[str, Any]) -> bool:
    """Whether the row shows the defect, where a program can tell; the others are for a reader."""
    row, defect = row_at(entry), entry["defect"]
    text = "\n".join(strings(row[entry["field"]]))
    last = row["messages"][-1]["content"] if entry["field"] == "messages" else text
    match defect:
        case "duplicate":
            return normal(content(row)) == normal(content(row_at(entry["of"])))
        case "near_duplicate":
            other = content(row_at(entry["of"]))
            return jaccard(content(row), other) >= 0.6 and normal(content(row)) != normal(other)
        case "pii":
            return bool(personal_data(text))
        case "secret":
            return SECRETS.search(text) is not None
        case "refusal":
            return REFUSAL.search(text) is not None
        case "truncation":
            return re.search(r"[\w,]$", last.rstrip()) is not None
        case "injection":
            return INJECTION.search(show_tags(text)) is not None
        case "unicode":
            return odd_characters(text)
        case "repetition":
            return loops(text)
        case "wrong_language":
            return (english_share(last) > ENGLISH) is (row.get("language", "en") != "en")
        case "profanity":
            return SWEARING.search(text) is not None
        case "empty":
            return not text.strip()
        case "tool_call_wrong":
            return bool(call_errors(row))
        case "bad_citation":
            return bool(citation_errors(row))
        case "wrong_answer":
            key = listing("answer_key.json").get(row["id"])
            sure = key is None or abs(arithmetic(key) - float(entry["expected"])) < 1e-9
            return sure and str(entry["expected"]) != str(row["final"])
        case _:
            return bool(text)
