"""Help for skills about numbers: numbers near others, and kinds of errors."""

from __future__ import annotations

from random import Random


def moved(number: int, rng: Random, reach: int = 15) -> int:
    """A number at most `reach` away that has as many digits; a number of one digit may become any other from 1."""
    digits = len(str(number))
    low, high = (1, 9) if digits == 1 else (10 ** (digits - 1), 10**digits - 1)
    return rng.randint(max(low, number - reach), min(high, number + reach))


def miscounted(got: int, right: int, transfer: str) -> str:
    """The kind of error of a number: one off, tens or hundreds wrong (`transfer`: carry or borrow), digits turned."""
    off = abs(got - right)
    if off == 1:
        return "off by one"
    if off in (10, 90, 100, 110):
        return transfer
    return "digits in wrong order" if sorted(str(got)) == sorted(str(right)) else "wrong number"
