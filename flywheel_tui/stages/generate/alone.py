"""One job at the same work items at a time: two would pay for the same answers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.locks import alone

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.options import GenerateOptions
    from flywheel_tui.workspace import Workspace

_MAY_DIFFER = (
    "count", "concurrency", "budget_usd", "budget_tokens", "window", "watch", "stop_failing_at", "carried", "cycle",
    "seeds_upto",
)  # fmt: skip


def identity_of(options: GenerateOptions) -> str:
    """A name for the work items that options make: the same command over the same seeds has the same."""
    said = {name: value for name, value in msgspec.to_builtins(options).items() if name not in _MAY_DIFFER}
    return blake2b(msgspec.json.Encoder(order="sorted").encode(said), digest_size=8).hexdigest()


def alone_at(workspace: Workspace, options: GenerateOptions) -> AbstractContextManager[None]:
    """One job at the items that these options make. Raises ConflictError where another is at them."""
    path = workspace.store.path
    what = f"{options.recipe} into {options.into}" if options.into else f"a preview of {options.recipe}"
    refusal = f"another job is at {what} with the same seeds; wait for it (flywheel jobs ls)"
    return alone(path.with_name(f"{path.name}.generate-{identity_of(options)}"), refusal)
