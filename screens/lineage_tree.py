"""The lineage of a pair as a tree: what it was made from, what was made from it, what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from screens.safe import safe_rich, safe_text

if TYPE_CHECKING:
    from flywheel_tui.stages.lineage import Trace
    from flywheel_tui.store.lineage import Relative

Place = tuple[str, int]
"""The data set and the number of a pair."""


HIDDEN = "hidden until you decide"


class LineageScreen(ModalScreen[Place | None]):
    """Answers with the pair to open, or None.

    Without `labels` or `verdicts` it does not even say whether there are any; what was made from the pair goes with the
    labels, because more of what failed is made from what was rejected. `opens`: enter opens a pair.
    """

    CSS_PATH = Path(__file__).with_name("lineage_tree.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,T", "close", "back"),
        Binding("j", "cursor(1)", show=False),
        Binding("k", "cursor(-1)", show=False),
    ]

    def __init__(self, trace: Trace, *, labels: bool = True, verdicts: bool = True, opens: bool = True) -> None:
        super().__init__()
        self._trace, self._labels, self._verdicts, self._opens = trace, labels, verdicts, opens

    def compose(self) -> ComposeResult:
        pair = self._trace.pair
        with Vertical(classes="dialog", id="lineage") as box:
            box.border_title = safe_text(f"lineage of {pair.id} in {pair.dataset}", multiline=False, limit=80)
            opens = " · enter opens in Browse" if self._opens else ""
            box.border_subtitle = f"up down left right · space folds{opens} · esc"
            tree: Tree[Place] = Tree(safe_rich(f"{pair.id}  {pair.instruction}", style="bold"), (pair.dataset, pair.id))
            tree.auto_expand = False
            yield tree

    def on_mount(self) -> None:
        """Grow the tree."""
        found, tree = self._trace, self.query_one(Tree)
        root = tree.root
        if found.made is not None:
            made = found.made
            how = f"made by {made.recipe}, {made.template}, {made.teacher}, {made.depth} from real data"
            root.add_leaf(safe_rich(how + (", by template" if made.offline else ""), style="italic"))
        self._grow(root, "made from", found.ancestors)
        if self._labels:
            self._grow(root, "from it came", found.descendants)
        else:
            root.add_leaf(f"from it came: {HIDDEN}")
        became = root.add("what became of it", expand=True)
        for words in self._said():
            became.add_leaf(safe_rich(words))
        root.expand()
        tree.focus()

    def _said(self) -> list[str]:
        """What people, judges and checks said of the pair, as far as it may be shown."""
        found, said = self._trace, []
        if not self._labels:
            said.append(f"labels: {HIDDEN}")
        for label in found.labels if self._labels else ():
            words = label.status or label.preference or label.action
            said.append(f"label: {words} by {label.reviewer}{', taken back' if label.undone else ''}")
        if not self._verdicts:
            said.append(f"verdicts of judges: {HIDDEN}")
        for verdict in found.verdicts if self._verdicts else ():
            passed = "no verdict" if verdict.passed is None else "passed" if verdict.passed else "failed"
            score = "" if verdict.score is None else f", {verdict.score:g}"
            said.append(f"judge {verdict.tag}: {verdict.error or passed}{score}")
        said += [f"{finding.severity}: {finding.check}, {finding.message}" for finding in found.findings]
        return said or ["nobody has said anything of it"]

    def _grow(self, node: TreeNode[Place], words: str, relatives: Sequence[Relative]) -> None:
        title = words if relatives else f"{words}: nothing known"
        branch = node.add(safe_rich(title), expand=True, allow_expand=bool(relatives))
        # a chain may be long: no recursion
        waiting = [(branch, one) for one in reversed(relatives)]
        while waiting:
            parent, one = waiting.pop()
            how = ", ".join(part for part in (one.dataset, one.recipe, one.template, one.teacher) if part)
            seen = " (stands above)" if one.seen else ""
            label = safe_rich(f"{one.relation}{seen}: {one.pair_id}  {one.instruction}")
            child = parent.add(label, (one.dataset, one.pair_id), expand=True)
            child.add_leaf(safe_rich(how, style="italic"))
            waiting += [(child, further) for further in reversed(one.beyond)]

    @on(Tree.NodeSelected)
    def _chosen(self, event: Tree.NodeSelected[Place]) -> None:
        if event.node.data is not None and self._opens:
            self.dismiss(event.node.data)

    def action_cursor(self, by: int) -> None:
        """Some lines."""
        tree = self.query_one(Tree)
        tree.action_cursor_down() if by > 0 else tree.action_cursor_up()

    def action_close(self) -> None:
        """Open nothing."""
        self.dismiss(None)
