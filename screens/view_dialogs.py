"""The dialogs that change what Browse shows: order, row, data set, saved views. Call them in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages import views
from flywheel_tui.stages.views import ORDERS, ViewQuery
from screens.widgets.dialogs import Choice, ChoiceDialog, TextDialog

if TYPE_CHECKING:
    from screens.app import FlywheelApp


_ORDER_WORDS = {
    "as is": ("a", "the order of the file; best match first in a search"),
    "random": ("r", "shuffled, the same every time"),
    "unlabelled first": ("u", "what you have not decided on yet"),
    "newest labels": ("n", "the latest decisions first"),
    "score": ("s", "the judge's score, the highest first"),
    "length": ("l", "the longest first"),
    "status": ("t", "open, approved, rejected, skipped, edited, disputed"),
}


async def choose_order(app: FlywheelApp, current: str) -> str | None:
    """An order, by arrows or by its letter."""
    choices = [Choice(order, order, _ORDER_WORDS[order][1], _ORDER_WORDS[order][0]) for order in ORDERS]
    return await app.push_screen_wait(ChoiceDialog("order", choices, current))


async def choose_number(app: FlywheelApp, count: int) -> int | None:
    """A row from 1 to `count`."""

    def check(text: str) -> str:
        number = text.replace(",", "").strip()
        return "" if number.isdecimal() and 1 <= int(number) <= count else f"a number from 1 to {count:,}"

    answer = await app.push_screen_wait(TextDialog("go to row", check=check, hint=f"1 to {count:,}"))
    return int(answer.replace(",", "").strip()) if answer else None


async def choose_dataset(app: FlywheelApp) -> str | None:
    """The name of a data set."""
    rows = views.list_datasets(app.workspace)
    if not rows:
        app.hint("there is no data set yet; take pairs in: g d, then i")
        return None
    choices = [Choice(row.name, row.name, f"{row.kind}, {row.pairs:,} pairs") for row in rows]
    return await app.push_screen_wait(ChoiceDialog("data set", choices, app.dataset))


def words_of(query: ViewQuery) -> str:
    """A query in a few words."""
    parts = [f"/ {query.search}"] if query.search else []
    parts += [query.filter] if query.filter else []
    return "; ".join([*parts, query.order])


async def choose_view(app: FlywheelApp, query: ViewQuery) -> ViewQuery | None:
    """The query of the view that was opened, or None."""
    saved = views.saved_views(app.workspace, query.dataset)
    choices = [Choice("save", "save this view …", words_of(query), "s")]
    if saved:
        choices.append(Choice("delete", "delete a view …", "", "d"))
    choices += [Choice(f"view-{each.id}", each.name, words_of(each.query)) for each in saved]
    answer = await app.push_screen_wait(
        ChoiceDialog("saved views", choices, f"view-{saved[0].id}" if saved else "save")
    )
    if answer == "save":
        await _save(app, query)
    elif answer == "delete":
        await _delete(app, query.dataset)
    elif answer:
        return next(each.query for each in saved if f"view-{each.id}" == answer)
    return None


async def _save(app: FlywheelApp, query: ViewQuery) -> None:
    name = await app.push_screen_wait(
        TextDialog("save this view as", hint=words_of(query), check=lambda text: "" if text.strip() else "a name")
    )
    if not name:
        return
    try:
        views.save_view(app.workspace, name.strip(), query)
    except FlywheelError as error:
        app.hint(str(error))
        return
    app.hint(f"saved as {name.strip()}; w opens it")


async def _delete(app: FlywheelApp, dataset: str) -> None:
    saved = views.saved_views(app.workspace, dataset)
    choices = [Choice(str(each.id), each.name, words_of(each.query)) for each in saved]
    answer = await app.push_screen_wait(ChoiceDialog("delete which view?", choices))
    if answer:
        views.delete_view(app.workspace, int(answer))
        app.hint("deleted")
