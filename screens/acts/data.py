"""The keys of Datasets and Browse, and of what opens over them."""

from __future__ import annotations

from screens.acts.act import Act

DATASETS = (
    Act("datasets.browse", "enter", "browse", "browse", "look through the pairs of this data set", footer=True),
    Act("datasets.label", "l", "label", "label", "label this data set, unlabelled pairs first", footer=True),
    Act("datasets.ingest", "i", "ingest", "ingest", "take in pairs from a file", footer=True),
    Act("datasets.validate", "v", "validate", "validate", "run checks over this data set", footer=True),
    Act("datasets.findings", "V", "report", "report", "what the checks found in this data set"),
    Act("datasets.judge", "J", "judge", "judge", "have a judge score this data set, and watch", footer=True),
    Act(
        "datasets.generate",
        "N",
        "generate",
        "new rows",
        "generate rows by a recipe, price and preview first",
        footer=True,
    ),
    Act("datasets.heatmap", "h", "heatmap", "heat map", "how far this data set fills the grid of a taxonomy"),
    Act("datasets.export", "x", "export", "export", "write this data set to files", footer=True),
    Act("datasets.absolute", "t", "absolute", "times", "times as dates, or how long ago"),
    Act("datasets.refresh", "f5", "refresh", "read again", "read the figures again"),
)

HEATMAP = (
    Act("heatmap.left", "left", "move(0, -1)", "left", "the cell on the left"),
    Act("heatmap.right", "right,l", "move(0, 1)", "right", "the cell on the right"),
    Act("heatmap.up", "up,k", "move(-1, 0)", "up", "the topic above"),
    Act("heatmap.down", "down,j", "move(1, 0)", "down", "the topic below"),
    Act("heatmap.switch", "tab", "switch", "other side", "styles or difficulties beside the topics"),
    Act("heatmap.browse", "enter", "browse", "browse", "exactly the pairs of this cell, in Browse"),
    Act("heatmap.generate", "n", "generate", "new rows", "generate rows from this taxonomy: emptiest cells first"),
    Act("heatmap.refresh", "f5", "refresh", "read again", "count again"),
    Act("heatmap.close", "escape,q,h", "close", "close", "back to the data sets"),
)

BROWSE = (
    Act(
        "browse.label",
        "enter",
        "label",
        "label",
        "label from here, or the marked pairs",
        footer=True,
    ),
    Act("browse.search", "slash", "search", "search", "search the words of all texts, as you type", footer=True),
    Act("browse.filter", "f", "filter", "filter", "show only pairs that an expression matches", footer=True),
    Act("browse.order", "o", "order", "order", "choose the order of the pairs", footer=True),
    Act("browse.views", "w", "views", "views", "saved views: open, save, delete", footer=True),
    Act("browse.mark", "space", "mark", "mark", "mark or unmark this pair and go on", footer=True),
    Act("browse.range", "V", "range", "range", "start a range here; again: mark all from there to here"),
    Act("browse.mark_all", "asterisk", "mark_all", "all", "mark everything that matches; again: clear the marks"),
    Act("browse.bulk", "b", "bulk", "bulk", "label all marked pairs, or all that match, at once", footer=True),
    Act("browse.judge", "J", "judge", "judge", "have a judge score what the filter matches, and watch"),
    Act(
        "browse.settle", "A", "settle", "settle", "settle this pair: holds over every reviewer's own label", footer=True
    ),
    Act("browse.undo", "u", "undo", "undo", "take back what you did last; without limit"),
    Act("browse.lineage", "T", "lineage", "lineage", "what this pair was made from and what became of it, as a tree"),
    Act("browse.number", "G", "number", "number", "go to a row by its number"),
    Act("browse.dataset", "D", "dataset", "data set", "show another data set"),
    Act("browse.preview", "p", "preview", "preview", "show or hide the preview"),
    Act("browse.pane", "tab", "pane", "read", "scroll the preview with the keys; again: back to the table"),
    Act("browse.more", "m", "more", "more", "show more of a long text in the preview"),
    Act("browse.findings", "F", "findings", "findings", "show or hide the list of findings beside the preview"),
    Act(
        "browse.finding_next",
        "n,greater_than_sign",
        "finding(1)",
        "next finding",
        "the next finding, here or in a later pair",
    ),
    Act("browse.finding_back", "N,less_than_sign", "finding(-1)", "finding before", "the finding before this one"),
    Act("browse.same", "s", "same", "same", "only pairs with findings of the same check; again: all"),
    Act("browse.refresh", "f5", "refresh", "read again", "look again: pairs may match now that did not"),
    Act("browse.clear", "c", "clear", "clear", "drop search, filter and order: show everything"),
)

BULK = (
    Act("bulk.apply", "enter", "apply", "label them", "label all of them, as shown", footer=True),
    Act("bulk.approve", "a", "choose('approved')", "approve", "approve all of them", footer=True),
    Act("bulk.reject", "r", "choose('rejected')", "reject", "reject all of them", footer=True),
    Act("bulk.skip", "s", "choose('skipped')", "skip", "skip all of them", footer=True),
    *(
        Act(f"bulk.reason_{digit}", str(digit), f"reason('{digit}')", str(digit), f"reason {digit} for a rejection")
        for digit in (*range(1, 10), 0)
    ),
    Act("bulk.filter", "f", "type('filter')", "filter", "change which pairs, by an expression"),
    Act("bulk.note", "n", "type('note')", "note", "a note on each of them"),
    Act("bulk.down", "down,j", "scroll(1)", "down", "scroll the sample down"),
    Act("bulk.up", "up,k", "scroll(-1)", "up", "scroll the sample up"),
    Act("bulk.close", "escape", "close", "close", "close without labelling", footer=True),
)
