"""Dates some days later. Steps over the end of February are never asked for: years differ there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from random import Random

from flywheel_tui.tasks.base import Params, Skill, skill
from flywheel_tui.tasks.said import final_part

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_YEAR = 2025
_LEAP = date(_YEAR, 3, 1)
_SPANS = {1: (1, 20), 2: (3, 30), 3: (31, 45)}
_SHORT = {month[:3].lower(): number for number, month in enumerate(MONTHS, 1)}
_DAY_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\.?\s+(?:of\s+)?([A-Za-z]{3,9})")
_MONTH_DAY = re.compile(r"([A-Za-z]{3,9})\.?\s+(\d{1,2})(?!\d)")
_ISO = re.compile(r"\d{4}-(\d{1,2})-(\d{1,2})")


@skill
class Days(Skill):
    """`Which date is 9 days after 27 March?`"""

    name = "days"
    title = "dates some days later"
    wordings = ("Which date is {count} days after {date}?", "{date} plus {count} days?")

    def draw(self, rng: Random, level: int) -> Params:
        """Difficulty 1: within the month; 2: up to 30 days, into the next; 3: 31 to 45 days."""
        while True:
            start = date(_YEAR, 1, 1) + timedelta(days=rng.randrange(365))
            made = {"day": start.day, "month": start.month, "days": rng.randint(*_SPANS[level])}
            if _fits(made, level):
                return made

    def near(self, params: Params, rng: Random) -> Params:
        """A start some days off and other days, of the same difficulty."""
        level = int(params["level"])
        for _ in range(200):
            start = date(_YEAR, params["month"], params["day"]) + timedelta(days=rng.randint(-12, 12))
            count = min(max(params["days"] + rng.randint(-6, 6), _SPANS[level][0]), _SPANS[level][1])
            made = {"day": start.day, "month": start.month, "days": count}
            if start.year == _YEAR and _fits(made, level):
                return made
        return self.draw(rng, level)

    def ask(self, params: Params) -> Mapping[str, object]:
        """The date and the number of days."""
        return {"count": params["days"], "date": f"{params['day']} {MONTHS[params['month'] - 1]}"}

    def solve(self, params: Params) -> str:
        """The date after so many days."""
        return _written(_start(params) + timedelta(days=params["days"]))

    def read(self, output: str, params: Params) -> str | None:
        """The last date it says, also where there is no such day."""
        return _last_date(final_part(output)) or _last_date(output)

    def kind(self, got: str, params: Params) -> str:
        """A day too far, no such day, the wrong month, or just wrong."""
        right = _start(params) + timedelta(days=params["days"])
        day, _, month = got.partition(" ")
        try:
            said = date(_YEAR, MONTHS.index(month) + 1, int(day))
        except ValueError:
            return "no such date"
        if abs((said - right).days) == 1:
            return "off by one"
        if said.day == right.day:
            return "wrong month"
        return "wrong day" if said.month == right.month else "wrong date"

    def slips(self, params: Params, rng: Random) -> Iterable[str]:
        """One day off, the month not turned, every month of 30 or 31 days, some days off."""
        start, right = _start(params), _start(params) + timedelta(days=params["days"])
        yield _written(right + timedelta(days=rng.choice((-1, 1))))
        yield f"{start.day + params['days']} {MONTHS[start.month - 1]}"
        yield f"{right.day} {MONTHS[right.month % 12]}"
        yield _written(right + timedelta(days=rng.choice((-10, -3, -2, 2, 3, 10))))


def _start(params: Params) -> date:
    return date(_YEAR, params["month"], params["day"])


def _fits(params: Params, level: int) -> bool:
    start = _start(params)
    end = start + timedelta(days=params["days"])
    same = (end.year, end.month) == (start.year, start.month)
    return same == (level == 1) and not start < _LEAP <= end


def _written(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}"


def _last_date(text: str) -> str | None:
    found = []
    for pattern, day_at, month_at in ((_DAY_MONTH, 1, 2), (_MONTH_DAY, 2, 1), (_ISO, 2, 1)):
        for match in pattern.finditer(text):
            name = match[month_at]
            month = int(name) if name.isdecimal() else _SHORT.get(name[:3].lower(), 0)
            if 1 <= month <= 12:
                found.append((match.end(), f"{int(match[day_at])} {MONTHS[month - 1]}"))
    return max(found)[1] if found else None
