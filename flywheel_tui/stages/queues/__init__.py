"""Orders of a labelling queue that are made from what is known so far: labels, verdicts, texts, samples.

The plain orders (as is, random, …) belong to views and need none of this. Each order here is one function of
`Situation` registered with `@order`; another package adds one with an entry point of the group
`flywheel_tui.queue_orders`.
"""

from __future__ import annotations

from flywheel_tui.stages.queues.base import ORDERS, Order, Ordered, Place, is_order, make_order, orders

__all__ = ["ORDERS", "Order", "Ordered", "Place", "is_order", "make_order", "orders"]
