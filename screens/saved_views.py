"""The dialogs of saved views: open one, save the one shown, delete one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages import views
from flywheel_tui.stages.views import ViewQuery
from screens.widgets.dialogs import Choice, ChoiceDialog, TextDialog

if TYPE_CHECKING:
    from screens.app import FlywheelApp


def words_of(query: ViewQuery) -> str:
    """A query in a few words."""
    parts = [f"/ {query.search}"] if query.search else []
    parts += [query.filter] if query.filter else []
    return "; ".join([*parts, query.order])


async def choose_view(app: FlywheelApp, query: ViewQuery) -> ViewQuery | None:
    """The query of the view that was opened, or None. Call it in a worker."""
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
