"""Language models: one protocol, its back ends, and the policy around each call (retries, limits, budgets, figures)."""

from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Backend, Health, Message, Reply, Request
from flywheel_tui.llm.registry import backend, backend_names, get_backend

__all__ = [
    "Backend",
    "BackendFault",
    "Health",
    "Message",
    "Reply",
    "Request",
    "backend",
    "backend_names",
    "get_backend",
]
