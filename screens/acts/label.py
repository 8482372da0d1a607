"""The keys of Label and of the rubric editor."""

from __future__ import annotations

from screens.acts.act import Act

LABEL = (
    Act("label.approve", "a", "approve", "approve", "approve this pair", footer=True),
    Act("label.reject", "r", "reject", "reject", "reject: then a digit gives the reason and rejects", footer=True),
    Act("label.left", "h", "prefer('left')", "left", "the left answer is better", footer=True),
    Act("label.right", "l", "prefer('right')", "right", "the right answer is better", footer=True),
    Act("label.tie", "equals_sign", "prefer('tie')", "tie", "both answers are equally good", footer=True),
    Act("label.both_bad", "x", "prefer('neither')", "both bad", "neither answer is any good", footer=True),
    Act("label.skip", "s", "skip", "skip", "skip: you cannot tell", footer=True),
    Act("label.edit", "e", "edit", "edit", "edit the texts in place; saving makes a new version", footer=True),
    Act("label.yes", "y", "question('YES')", "yes", "yes to the question of the rubric", footer=True),
    Act("label.no", "n", "question('NO')", "no", "no to the question of the rubric", footer=True),
    Act("label.na", "minus", "question('NA')", "n/a", "the question does not apply here", footer=True),
    Act("label.question_back", "backspace", "question_back", "question back", "back to the question before"),
    Act("label.undo", "u", "undo", "undo", "take back what you did last, and go there; without limit", footer=True),
    Act("label.repeat", "full_stop", "repeat", "repeat", "the same decision as the one before", footer=True),
    Act("label.note", "n,N", "note", "note", "write a note (N works while questions are open too)", footer=True),
    Act("label.tags", "t", "tags", "tags", "set tags, separated by commas"),
    Act("label.flag", "m", "flag", "flag", "ask for a second opinion; again: no longer"),
    Act("label.next", "j", "step(1)", "next", "the next pair, without deciding", footer=True),
    Act("label.previous", "k", "step(-1)", "previous", "the pair before", footer=True),
    Act(
        "label.lineage",
        "T",
        "lineage",
        "lineage",
        "what this pair was made from and what became of it, as a tree",
        footer=True,
    ),
    Act("label.several", "comma", "several", "several", "while rejecting: digits collect several reasons"),
    Act(
        "label.reject_several", "R", "reject_several", "reject for several", "reject for several reasons: digits, enter"
    ),
    Act("label.confirm", "enter", "confirm", "confirm", "reject with what was chosen; try again what was not saved"),
    *(
        Act(
            f"label.digit_{digit}",
            str(digit),
            f"digit('{digit}')",
            str(digit),
            f"rating {digit}, or reason {digit} after r",
        )
        for digit in (*range(1, 10), 0)
    ),
    Act("label.editor", "E", "editor", "editor", "edit the response in $EDITOR"),
    Act("label.judge", "v", "judge", "judge", "show the judge's verdict; the label will say so", footer=True),
    Act(
        "label.adjudicate",
        "A",
        "adjudicate",
        "settle",
        "settle a dispute: the next decision holds over all",
        footer=True,
    ),
    Act(
        "label.second_answer",
        "c",
        "second_answer",
        "take new",
        "take your second answer where it differs from the first",
    ),
    Act("label.number", "G", "number", "number", "go to a pair of the queue by its number"),
    Act("label.order", "o", "order", "order", "choose the order of the queue"),
    Act("label.dataset", "D", "dataset", "data set", "label another data set"),
    Act("label.bulk", "b", "bulk", "bulk", "label all pairs of this queue, or those that match, at once"),
    Act("label.guidelines", "i", "guidelines", "guidelines", "show or hide the guidelines of the rubric"),
    Act("label.details", "d", "details", "details", "rubric, labels, findings, origin (where there is no room beside)"),
    Act("label.findings", "F", "findings", "findings", "show or hide the findings alone"),
    Act("label.finding_next", "greater_than_sign", "finding(1)", "next finding", "go to the next finding in this pair"),
    Act("label.finding_back", "less_than_sign", "finding(-1)", "finding before", "go to the finding before this one"),
    Act("label.zen", "z", "zen", "zen", "nothing but the pair; again: everything"),
    Act("label.more", "plus", "more", "more", "unfold messages and long texts; again: fold them"),
    Act("label.page_down", "space,pagedown", "page(1)", "page down", "scroll down by a page"),
    Act("label.page_up", "pageup", "page(-1)", "page up", "scroll up by a page"),
    Act("label.line_down", "down", "line(1)", "down", "scroll down by a line"),
    Act("label.line_up", "up", "line(-1)", "up", "scroll up by a line"),
    Act("label.first", "home", "line(-1000000)", "top", "to the beginning of the text"),
    Act("label.last", "end", "line(1000000)", "end", "to the end of the text"),
    Act("label.focus", "tab", "pane(1)", "next box", "scroll the next box with the keys"),
    Act("label.focus_back", "shift+tab", "pane(-1)", "box before", "scroll the box before"),
    Act("label.summary", "S", "summary", "summary", "how this sitting went so far"),
    Act("label.save", "ctrl+s", "save", "save", "while editing: save the edit as a new version"),
    Act("label.back", "escape", "escape", "back", "step back: out of a field, a panel, or this screen"),
)

RUBRIC = (
    Act("rubric.save", "ctrl+s", "save", "save", "save it in the workspace, as the next version", priority=True),
    Act("rubric.try", "f5", "try", "try", "ask the judge about the three pairs", priority=True),
    Act("rubric.judge", "f6", "judge", "judge", "who is asked: rules, or a model", priority=True),
    Act("rubric.sent", "f7", "sent", "sent", "what a judge is told, in full", priority=True),
    Act("rubric.leave", "escape", "leave", "close", "close; what is not saved is asked about", priority=True),
)
