"""What every statistic starts with: values as arrays, categories as numbers, a figure that says what it stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = Sequence[Any] | NDArray[Any]
    Floats = NDArray[np.float64]

FEW = 4096
"""Integers within this range are counted as they are; wider ones are numbered first."""


class Figure(NamedTuple):
    """A number with its interval and what it stands on. `value` is None where it is undefined, and `why` says why.

    `n` is the number of items behind it; `low` and `high` are None where no interval can be given (`why` says so too).
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: float = 0
    method: str = ""
    why: str = ""


class Coded(NamedTuple):
    """Values as numbers 0 … q - 1 into `categories`; -1 stands for a missing one (None or NaN)."""

    codes: tuple[NDArray[np.int64], ...]
    categories: tuple[Any, ...]


def undefined(why: str, n: float = 0) -> Figure:
    """A figure that cannot be computed, with the reason in a few words."""
    return Figure(None, n=n, why=why)


def as_array(values: Values) -> NDArray[Any]:
    """The values as an array that keeps None and never turns numbers among texts into texts."""
    import numpy as np

    array = np.asarray(values)
    if array.dtype.kind in "US" and not isinstance(values, np.ndarray) and any(type(v) is not str for v in values):
        array = np.empty(len(values), object)
        array[:] = values
    return array


def as_floats(values: Values) -> Floats:
    """The values as float64; None becomes NaN."""
    import numpy as np

    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"numbers are needed here: {error}") from error


def as_flags(values: Values, what: str = "values") -> NDArray[np.bool_]:
    """Yes/no values as an array of bool: booleans, or the numbers 0 and 1."""
    import numpy as np

    array = np.asarray(values)
    if array.dtype == bool:
        return array
    if array.dtype.kind in "iuf" and bool(np.all((array == 0) | (array == 1))):
        return array.astype(bool)
    if array.size == 0:
        return np.zeros(0, bool)
    raise UsageError(
        f"the {what} must all be true or false (or 1 or 0), none missing; leave the missing ones out first"
    )


def same_length(*columns: Values) -> None:
    """Columns that describe the same items must be equally long."""
    if len({len(column) for column in columns}) > 1:
        raise UsageError(f"the columns differ in length: {', '.join(str(len(column)) for column in columns)}")


def coded(*columns: Values, categories: Sequence[Any] | None = None) -> Coded:
    """Number the categories of columns together: sorted where they can be, else in order of their first appearance.

    Booleans always have both categories. None and NaN are missing (-1). With `categories` that order holds, and other
    values are an error.
    """
    arrays = [as_array(column) for column in columns]
    if categories is None and all(array.dtype.kind in "biuf" for array in arrays):
        return _coded_numbers(arrays)
    return _coded_objects(arrays, categories)


def _coded_numbers(arrays: list[NDArray[Any]]) -> Coded:
    import numpy as np

    if all(array.dtype == bool for array in arrays):
        return Coded(tuple(array.astype(np.int64) for array in arrays), (False, True))
    filled = [array for array in arrays if array.size]
    if filled and all(array.dtype.kind in "biu" for array in filled):
        low, high = min(int(a.min()) for a in filled), max(int(a.max()) for a in filled)
        if high - low < FEW:
            shifted = [array.astype(np.int64) - low for array in arrays]
            used = np.flatnonzero(sum(np.bincount(s, minlength=high - low + 1) for s in shifted))
            place = np.zeros(high - low + 1, np.int64)
            place[used] = np.arange(len(used))
            return Coded(tuple(place[s] for s in shifted), tuple(int(u) + low for u in used))
    joined = np.concatenate([array.astype(np.float64) for array in arrays])
    present = ~np.isnan(joined)
    values, numbers = np.unique(joined[present], return_inverse=True)
    codes = np.full(len(joined), -1, np.int64)
    codes[present] = numbers
    ends = np.cumsum([len(array) for array in arrays])[:-1]
    return Coded(tuple(np.split(codes, ends)), tuple(_plain(v) for v in values.tolist()))


def _coded_objects(arrays: list[NDArray[Any]], categories: Sequence[Any] | None) -> Coded:
    import numpy as np

    number: dict[Any, int] = {value: at for at, value in enumerate(categories or ())}
    rows = [array.tolist() for array in arrays]
    found = dict.fromkeys(value for row in rows for value in row if not _missing(value))
    if categories is None:
        try:
            number = {value: at for at, value in enumerate(sorted(found))}
        except TypeError:
            number = {value: at for at, value in enumerate(found)}
    elif unknown := [value for value in found if value not in number]:
        raise UsageError(f"{unknown[0]!r} is not one of the categories {list(categories)!r}")
    codes = tuple(np.array([-1 if _missing(v) else number[v] for v in row], np.int64) for row in rows)
    return Coded(codes, tuple(number))


def _missing(value: object) -> bool:
    return value is None or value != value


def _plain(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def numbered(names: Values) -> tuple[NDArray[np.int64], int]:
    """Number the families (or strata, raters …) that items name: 0 … count - 1 for each item, and the count."""
    import numpy as np

    array = as_array(names)
    if array.dtype.kind in "iu" and array.size and int(array.max()) - int(array.min()) < 4 * len(array) + FEW:
        shifted = array.astype(np.int64) - int(array.min())
        place = np.cumsum(np.bincount(shifted) > 0) - 1
        return place[shifted], int(place[-1]) + 1
    if array.dtype.kind == "O":
        first: dict[Any, int] = {}
        return np.array([first.setdefault(name, len(first)) for name in array.tolist()], np.int64), len(first)
    values, owners = np.unique(array, return_inverse=True)
    return owners, len(values)


def one(value: object) -> float | None:
    """A number out of an array of one, None for NaN."""
    number = float(value)  # type: ignore[arg-type]
    return None if number != number else number
