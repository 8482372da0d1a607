"""Whether running jobs find their back ends out of order; light, since every screen asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flywheel_tui.errors import FlywheelError
from flywheel_tui.store import live as store

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace


def down(workspace: Workspace) -> str:
    """The back ends that running jobs find out of order, in a few words for a header; '' where all is well."""
    try:
        names = store.breakers(workspace.store.read())
    except FlywheelError:
        return ""
    return f"{', '.join(names)} down" if names else ""
