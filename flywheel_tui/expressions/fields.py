"""What an expression may talk about: the fields of a pair, their types, and the row that Python evaluates.

The row is a mapping with these keys; a key that is absent counts as null:

| key                                                         | Python value                                       |
|-------------------------------------------------------------|----------------------------------------------------|
| id, length, cycle                                           | int                                                |
| kind, instruction, input, output, chosen, rejected          | str (chosen, rejected: of preference pairs only)   |
| category, source, label, reviewer, judge, tier              | str; label is 'open' for an unlabelled pair        |
| tags, findings                                              | sequence of str; findings: the names of the checks |
| passed                                                      | bool                                               |
| scores                                                      | mapping of str to number; 'overall': the verdict's |
| meta                                                        | mapping of str to anything that JSON holds         |

`findings` holds each check with its severity too: `'pii'` and `'pii:error'`.

A value of another type than the field's, NaN and infinity count as null. In what is stored as JSON (`rejected`,
`tags`, `scores`, `meta`) a text ends at its first NUL, because SQLite's JSON functions read it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

Row = Mapping[str, object]


class Type(Enum):
    """The type of a field or of a whole expression; the value is the word in messages."""

    NUMBER = "a number"
    BOOLEAN = "true or false"
    TEXT = "text"
    LIST = "a list"
    MAP = "a map"
    ANY = "anything"
    NULL = "None"

    @property
    def numeric(self) -> bool:
        """Whether it counts as a number: true and false are 1 and 0."""
        return self in (Type.NUMBER, Type.BOOLEAN)


@dataclass(frozen=True, slots=True)
class Field:
    """One name of the language. `item`: the type that a constant subscript gives, for maps; `json`: stored as JSON."""

    name: str
    type: Type
    about: str
    item: Type | None = None
    json: bool = False


_ALL = (
    Field("id", Type.NUMBER, "the number of the pair"),
    Field("kind", Type.TEXT, "sft, preference, kto, tools, rag …"),
    Field("instruction", Type.TEXT, "what was asked"),
    Field("input", Type.TEXT, "the context given with it"),
    Field("output", Type.TEXT, "the response"),
    Field("chosen", Type.TEXT, "the preferred response of a preference pair"),
    Field("rejected", Type.TEXT, "the other response of a preference pair", json=True),
    Field("length", Type.NUMBER, "characters of the pair"),
    Field("category", Type.TEXT, "the category given in the data"),
    Field("tags", Type.LIST, "the pair's tags", json=True),
    Field("source", Type.TEXT, "the file or generator it came from"),
    Field("cycle", Type.NUMBER, "the cycle that made it"),
    Field("label", Type.TEXT, "open, approved, rejected, skipped, edited, disputed"),
    Field("reviewer", Type.TEXT, "who decided"),
    Field("scores", Type.MAP, "scores['overall'] and one for each criterion", item=Type.NUMBER, json=True),
    Field("passed", Type.BOOLEAN, "whether the judge passed it"),
    Field("judge", Type.TEXT, "the tag of the judge run"),
    Field("findings", Type.LIST, "the checks that found something"),
    Field("tier", Type.TEXT, "the quality tier"),
    Field("meta", Type.MAP, "anything else from the data: meta['key']", item=Type.ANY, json=True),
)

FIELDS: Mapping[str, Field] = MappingProxyType({field.name: field for field in _ALL})

# What people type first, learned from other tools, and the field that they mean.
MEANT: Mapping[str, str] = MappingProxyType(
    {
        "answer": "output",
        "completion": "output",
        "context": "input",
        "dataset": "source",
        "finding": "findings",
        "overall": "scores['overall']",
        "prompt": "instruction",
        "question": "instruction",
        "rating": "scores['overall']",
        "response": "output",
        "score": "scores['overall']",
        "status": "label",
        "tag": "tags",
        "verdict": "passed",
    }
)
