"""Work that a command leaves to the workers (`--background`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flywheel_tui.cli.console import print_json, say

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace


def leave_to_workers(
    workspace: Workspace, kind: str, args: Mapping[str, Any], *, title: str, as_json: bool, **options: Any
) -> None:
    """Put a job into the queue, see that somebody works on it, and say how to watch it."""
    from flywheel_tui.jobs.pool import submit

    job = submit(workspace, kind, args, title=title, **options)
    if as_json:
        print_json({"job": job.id, "state": job.state})
    else:
        say(f"Job {job.id}; watch it with: flywheel jobs show {job.id} (or on Live in the workstation)")
