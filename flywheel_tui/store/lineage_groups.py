"""What must stay together in a split where rows have several parents: families that any edge joins are one group."""

from __future__ import annotations

import sqlite3

_GROUP = (
    "coalesce((SELECT f.hash FROM pair f WHERE f.dataset_id = {x}.dataset_id AND f.uid = {x}.family), {x}.family,"
    " {x}.hash)"
)
_JOINED = (
    f"SELECT DISTINCT {_GROUP.format(x='c')}, {_GROUP.format(x='p')}, p.uid, p.dataset_id FROM edge e"
    " JOIN pair c ON c.id = e.child_id JOIN pair p ON p.id = e.parent_id"
    " WHERE c.dataset_id = ? AND e.relation <> 'edited'"
)


def merged_groups(connection: sqlite3.Connection, dataset_id: int) -> dict[bytes, bytes]:
    """For every group (family, or content of a row without one) that an edge joins with another one: the smallest of
    all that hang together. Groups that no edge joins are not in it. Parents in other data sets are followed upwards.
    """
    parent: dict[bytes, bytes] = {}

    def find(group: bytes) -> bytes:
        root = group
        while parent.get(root, root) != root:
            root = parent[root]
        while parent.get(group, group) != root:
            parent[group], group = root, parent[group]
        return root

    seen: set[int] = set()
    front = {dataset_id}
    while front:
        dataset = front.pop()
        seen.add(dataset)
        for child, above, uid, place in connection.execute(_JOINED, (dataset,)):
            for other in (above, uid):
                one, two = sorted((find(child), find(other)))
                parent[two] = one
                parent.setdefault(one, one)
            if place not in seen:
                front.add(place)
    return {group: find(group) for group in parent}
