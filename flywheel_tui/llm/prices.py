"""What calls cost: dollars for a million tokens, by host and model, from a table that the user can edit.

A model that is not in the table has no price, which is not a price of 0.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from flywheel_tui.errors import InputError
from flywheel_tui.resources import shipped

FILE_NAME = "prices.toml"
_VERSION = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$")


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars for a million tokens read and a million written."""

    input: float
    output: float

    def __post_init__(self) -> None:
        if not (0 <= self.input < 1e6 and 0 <= self.output < 1e6):
            raise ValueError("prices are dollars for a million tokens, from 0 up")

    def cost_micro(self, tokens_in: int, tokens_out: int) -> int:
        """The cost in millionths of a dollar, rounded up: a dollar for a million tokens is one of them a token."""
        return -int(-(tokens_in * self.input + tokens_out * self.output) // 1)


class PriceTable:
    """Prices by place (a host, `loopback`, `local`, `offline`) and model; `*` stands for every model of a place."""

    def __init__(self, places: Mapping[str, Mapping[str, Price]]) -> None:
        self._places = places
        self._found: dict[tuple[str, str], Price | None] = {}

    def price(self, place: str, model: str) -> Price | None:
        """The price of a model: under its name, else without the date or version at its end, else the place's `*`."""
        key = (place, model)
        if key not in self._found:
            self._found[key] = self._look_up(place, model)
        return self._found[key]

    def _look_up(self, place: str, model: str) -> Price | None:
        models = self._places.get(place, {})
        for name in (model, _VERSION.sub("", model)):
            if name in models:
                return models[name]
        if re.search(r"[:-]cloud$", model):
            # Ollama runs these on servers that bill, though it is asked on this machine.
            return None
        return models.get("*")

    def cost_micro(self, place: str, model: str, tokens_in: int, tokens_out: int) -> int | None:
        """The cost of a call in millionths of a dollar; None where no price is known."""
        price = self.price(place, model)
        return None if price is None else price.cost_micro(tokens_in, tokens_out)


def load_prices(workspace: Path | None = None) -> PriceTable:
    """The shipped prices, with those of `prices.toml` in the workspace laid over them. Raises InputError."""
    places = _read(shipped("prices", FILE_NAME))
    if workspace is not None and (own := workspace / FILE_NAME).is_file():
        for place, models in _read(own).items():
            places[place] = {**places.get(place, {}), **models}
    return PriceTable(places)


def _read(path: Path) -> dict[str, dict[str, Price]]:
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(str(error), file=str(path), remedy="mend the TOML at that place") from None
    places: dict[str, dict[str, Price]] = {}
    for place, models in document.items():
        if not isinstance(models, dict):
            raise InputError("is not a table", file=str(path), field=place, remedy='write ["host"] and models below it')
        for model, price in models.items():
            try:
                places.setdefault(place, {})[model] = msgspec.convert(price, Price, strict=False)
            except msgspec.ValidationError as error:
                remedy = "write { input = 0.15, output = 0.60 }"
                raise InputError(str(error), file=str(path), field=f"{place}.{model}", remedy=remedy) from None
    return places
