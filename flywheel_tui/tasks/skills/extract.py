"""One member taken out of a small JSON object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random

from flywheel_tui.tasks.base import Params, Skill, skill
from flywheel_tui.tasks.letters import made_up, misspelt
from flywheel_tui.tasks.said import compact, json_value

_MEMBERS = {1: 2, 2: 3, 3: 4}
_NAMES = ("id", "age", "name", "city", "size", "code", "unit", "room")
_TEXTS = ("name", "city", "code", "unit")


@skill
class Extract(Skill):
    """`Give only age of {"name":"mira","age":41} as JSON.`"""

    name = "extract"
    title = "a member of a small JSON object"
    wordings = ("Give only {member} of {object} as JSON.", "Keep only {member}: {object}")

    def draw(self, rng: Random, level: int) -> Params:
        """Difficulty 1, 2, 3: two, three, four members."""
        names = rng.sample(_NAMES, _MEMBERS[level])
        return {"object": {name: _value(name, rng) for name in names}, "member": rng.choice(names)}

    def near(self, params: Params, rng: Random) -> Params:
        """The same names with other values."""
        return params | {"object": {name: _value(name, rng) for name in params["object"]}}

    def ask(self, params: Params) -> Mapping[str, object]:
        """The object and the name."""
        return {"member": params["member"], "object": compact(params["object"])}

    def solve(self, params: Params) -> str:
        """An object of that member alone."""
        return compact({params["member"]: params["object"][params["member"]]})

    def identity(self, params: Params) -> Params:
        """The order of the members does not make another task."""
        return {"object": dict(sorted(params["object"].items())), "member": params["member"]}

    def read(self, output: str, params: Params) -> str | None:
        """The first JSON object in it."""
        found, value = json_value(output)
        return compact(value) if found else None

    def kind(self, got: str, params: Params) -> str:
        """Another member, more than was asked for, a wrong value."""
        found, value = json_value(got)
        if not found or not isinstance(value, dict):
            return "no object"
        if params["member"] not in value:
            return "other member"
        return "too many members" if len(value) > 1 else "wrong value"

    def slips(self, params: Params, rng: Random) -> Iterable[str]:
        """Another member, a wrong value, the object unchanged, no JSON."""
        members, wanted = params["object"], params["member"]
        other = rng.choice([name for name in members if name != wanted])
        value = members[wanted]
        wrong = misspelt(value, rng)[-1] if isinstance(value, str) else value + rng.choice((1, 10))
        yield compact({other: members[other]})
        yield compact({wanted: wrong})
        yield compact(members)
        yield str(value)


def _value(name: str, rng: Random) -> str | int:
    return made_up(rng, rng.randint(3, 4)) if name in _TEXTS else rng.randint(1, 99)
