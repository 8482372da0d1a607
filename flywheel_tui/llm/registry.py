"""Back ends by name: the shipped ones, and those of other packages (entry points `flywheel_tui.backends`)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeVar

from flywheel_tui.errors import NotFoundError
from flywheel_tui.llm.protocol import Backend

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings

Factory = Callable[..., Backend]
"""Called with `model` (may be empty), `settings` and the options of the caller."""

GROUP = "flywheel_tui.backends"
_SHIPPED = ("ollama", "openai", "openrouter", "anthropic", "local", "offline", "scripted")
_FACTORIES: dict[str, Factory] = {}

F = TypeVar("F", bound=Factory)


def backend(name: str) -> Callable[[F], F]:
    """Register the function that makes the back end `name`."""

    def keep(factory: F) -> F:
        _FACTORIES[name] = factory
        return factory

    return keep


def backend_names() -> list[str]:
    """The names that `get_backend` knows."""
    return sorted({*_SHIPPED, *_FACTORIES, *(point.name for point in entry_points(group=GROUP))})


def get_backend(name: str = "", *, model: str = "", settings: Settings | None = None, **options: Any) -> Backend:
    """The back end `name`; the setting `default_judge_backend`, else the automatic choice, where no name is given.

    Raises NotFoundError for unknown names, UsageError or InputError where a setting it needs is missing or off.
    """
    if settings is None:
        from flywheel_tui.settings import load_settings

        settings = load_settings(None)
    name = name or settings.default_judge_backend
    if not name or name == "auto":
        from flywheel_tui.llm.choice import choose_backend

        choice = choose_backend(settings)
        name, model = choice.name, model or choice.model
    return _factory(name)(model=model, settings=settings, **options)


def _factory(name: str) -> Factory:
    if name not in _FACTORIES:
        if name in _SHIPPED:
            import_module(f"flywheel_tui.llm.backends.{name}")
        else:
            for point in entry_points(group=GROUP):
                if point.name == name:
                    _FACTORIES[name] = point.load()
    if name not in _FACTORIES:
        raise NotFoundError("back end", name, backend_names())
    return _FACTORIES[name]
