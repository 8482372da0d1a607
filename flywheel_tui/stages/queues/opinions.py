"""Second opinions: pairs that somebody else has decided on, and that a second person shall."""

from __future__ import annotations

from hashlib import blake2b

from flywheel_tui.stages.queues.base import Ordered, Situation, as_queue, order


def overlaps(pair: int, dataset_id: int, share: float) -> bool:
    """Whether a pair is one of those that several people label: by hash, the same for everybody and for ever."""
    digest = blake2b(f"overlap:{dataset_id}:{pair}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


@order("second opinions", "o", "what others have decided, and you not")
def second_opinions(situation: Situation) -> Ordered:
    """Flagged pairs, then disputed ones, then the share that several people label, in the order of the data set."""
    settings, shown = situation.workspace.settings, set(situation.pairs.tolist())
    others: dict[int, int] = {}
    for label in situation.labels:
        if label.reviewer != situation.reviewer and label.root in shown:
            others[label.root] = others.get(label.root, 0) + 1
    wanted = _wanted(situation)
    groups: dict[str, list[int]] = {"flagged": [], "disputed": [], "overlap": []}
    for root in situation.pairs.tolist():
        if root in situation.mine:
            continue
        why = wanted.get(root)
        if why is not None:
            groups[why].append(root)
        elif 0 < others.get(root, 0) < settings.opinions and overlaps(root, situation.dataset_id, settings.overlap):
            groups["overlap"].append(root)
    pairs = [root for group in groups.values() for root in group]
    counted = ", ".join(f"{len(group):,} {name}" for name, group in groups.items() if group)
    return Ordered(
        pairs=as_queue(pairs), note=f"second opinions: {counted}" if pairs else "no second opinion is wanted"
    )


def _wanted(situation: Situation) -> dict[int, str]:
    from flywheel_tui.store import queues as store

    return store.wanting(situation.connection, situation.dataset_id)
