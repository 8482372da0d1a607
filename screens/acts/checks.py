"""The keys of Validation and of the walk through duplicates."""

from __future__ import annotations

from screens.acts.act import Act

VALIDATION = (
    Act("validation.browse", "enter", "browse", "browse", "look through exactly these pairs", footer=True),
    Act("validation.less", "left,h", "severity(-1)", "left", "choose the severity on the left"),
    Act("validation.more", "right,l", "severity(1)", "severity", "choose errors, warnings or info", footer=True),
    Act("validation.run", "v", "run", "validate", "choose checks and run them", footer=True),
    Act("validation.duplicates", "d", "duplicates", "duplicates", "walk the clusters of duplicates", footer=True),
    Act("validation.copies", "x", "copies", "reject copies", "reject all exact duplicates at once", footer=True),
    Act("validation.chart", "c", "chart", "chart", "the next chart: findings by check, lengths", footer=True),
    Act("validation.report", "e", "report", "report", "write the JSON report, with every finding", footer=True),
    Act("validation.dataset", "D", "dataset", "data set", "show another data set"),
    Act("validation.absolute", "t", "absolute", "times", "times as dates, or how long ago"),
    Act("validation.refresh", "f5", "refresh", "read again", "read the figures again"),
)

DUPLICATES = (
    Act("duplicates.keep", "k", "keep", "keep this", "keep the pair on the right, reject the others", footer=True),
    Act(
        "duplicates.keep_left",
        "h",
        "keep_left",
        "keep left",
        "keep the pair on the left, reject the others",
        footer=True,
    ),
    Act("duplicates.drop", "d", "drop", "drop this", "reject the pair on the right as a duplicate", footer=True),
    Act("duplicates.all", "a", "all", "keep all", "keep all of them; they are tagged as distinct", footer=True),
    Act("duplicates.next", "enter,j,down", "cluster(1)", "next", "the next cluster", footer=True),
    Act("duplicates.previous", "backspace,up", "cluster(-1)", "previous", "the cluster before"),
    Act("duplicates.open", "n", "undecided", "undecided", "the next cluster that nobody has decided on", footer=True),
    Act(
        "duplicates.member_next", "right,l,tab", "member(1)", "other pair", "the next pair of this cluster", footer=True
    ),
    Act("duplicates.member_back", "left,shift+tab", "member(-1)", "pair before", "the pair before, of this cluster"),
    Act("duplicates.undo", "u", "undo", "undo", "take back what you did last", footer=True),
    Act("duplicates.check", "c", "check", "exact or near", "exact duplicates, or near-duplicates"),
    Act("duplicates.copies", "x", "copies", "reject copies", "reject all exact duplicates at once", footer=True),
    Act("duplicates.more", "m", "more", "more", "show sections that are the same whole; again: cut"),
    Act("duplicates.page_down", "space,pagedown", "page(1)", "page down", "scroll both texts down"),
    Act("duplicates.page_up", "pageup", "page(-1)", "page up", "scroll both texts up"),
    Act("duplicates.back", "escape", "close", "back", "back to the report"),
)
