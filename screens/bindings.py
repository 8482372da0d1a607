"""Every key of the workstation, in one table: bindings, footer, help, palette and keymap are made from it.

An `Act` is one thing that a person can do. Its `id` is what `flywheel.toml` uses in `[keymap]`
(`browse.filter = "f"`), its `action` the Textual action, its `words` what the footer shows, its `help` the sentence
behind `?` and in the palette. To add keys for a screen, add its group to GROUPS and use `bindings_of(group)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from flywheel_tui.errors import InputError


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to do, and the keys that do it (comma-separated)."""

    id: str
    keys: str
    action: str
    words: str
    help: str
    footer: bool = False
    priority: bool = False

    def binding(self) -> Binding:
        """The Textual binding."""
        return Binding(
            self.keys, self.action, self.words, show=self.footer, priority=self.priority, tooltip=self.help, id=self.id
        )


APP = (
    Act("app.goto", "g", "goto", "go to", "go to another screen", footer=True),
    Act("app.previous", "left_square_bracket", "neighbour(-1)", "previous", "the screen on the left"),
    Act("app.next", "right_square_bracket", "neighbour(1)", "next", "the screen on the right"),
    Act("app.back", "escape", "back", "back", "step back: close what is open, or go to the screen before"),
    Act("app.palette", "ctrl+p", "command_palette", "palette", "find any command by its name", priority=True),
    Act("app.help", "question_mark,f1", "help", "keys", "all keys of this screen", footer=True),
    Act("app.rubric", "ctrl+r", "rubric", "rubric", "read, write and try a rubric: what people and judges are asked"),
    Act("app.theme", "f2", "next_theme", "theme", "next theme: dark, light, monochrome"),
    Act("app.quit", "q,ctrl+q", "leave", "quit", "leave the workstation; everything decided is on disk", footer=True),
)

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

CALIBRATE = (
    Act("calibrate.less", "left", "move(-1)", "threshold", "a lower threshold: more pairs pass", footer=True),
    Act("calibrate.more", "right", "move(1)", "threshold up", "a higher threshold: fewer pairs pass"),
    Act("calibrate.far_less", "shift+left,less_than_sign", "move(-10)", "ten down", "ten steps lower"),
    Act("calibrate.far_more", "shift+right,greater_than_sign", "move(10)", "ten up", "ten steps higher"),
    Act("calibrate.lowest", "home", "move(-1000000)", "lowest", "the lowest threshold: all pairs pass"),
    Act("calibrate.highest", "end", "move(1000000)", "highest", "the highest threshold"),
    Act("calibrate.own", "o", "own", "own word", "the judge's own pass or fail, without a threshold", footer=True),
    Act("calibrate.safe", "a", "safe", "safe line", "the loosest threshold with a guarantee, if there is one"),
    Act("calibrate.keep", "x", "keep", "keep", "keep this threshold as the judge's calibration", footer=True),
    Act("calibrate.cell_down", "down,j", "cell(1, 0)", "cell down", "the cell below"),
    Act("calibrate.cell_up", "up,k", "cell(-1, 0)", "cell up", "the cell above"),
    Act("calibrate.cell_left", "h", "cell(0, -1)", "cell left", "the cell on the left"),
    Act("calibrate.cell_right", "l", "cell(0, 1)", "cell right", "the cell on the right"),
    Act("calibrate.browse", "enter", "browse", "pairs", "look through exactly the pairs of this cell", footer=True),
    Act("calibrate.next", "tab", "view(1)", "next view", "the next view", footer=True),
    Act("calibrate.back", "shift+tab", "view(-1)", "view before", "the view before"),
    *(
        Act(f"calibrate.view_{number}", str(number), f"show({number - 1})", words, f"show: {words}")
        for number, words in enumerate(
            ("matrix", "curve", "reliability", "criteria", "judges", "reviewers", "drift", "stand-in"), 1
        )
    ),
    Act("calibrate.tag", "J", "tag", "judge", "choose another judge run", footer=True),
    Act("calibrate.dataset", "D", "dataset", "data set", "measure on another data set"),
    Act(
        "calibrate.blind", "b", "blind", "blind only", "count labels made with the verdict in sight, or leave them out"
    ),
    Act("calibrate.policy", "p", "policy", "unreadable", "how replies count that could not be read", footer=True),
    Act("calibrate.split", "s", "split", "split", "all labels, or one split: prompt-dev, calibrate, report"),
    Act("calibrate.edited", "e", "edited", "edited", "whether an edited pair counts as a pass"),
    Act("calibrate.down", "pagedown,space", "scroll(1)", "down", "scroll the view down"),
    Act("calibrate.up", "pageup", "scroll(-1)", "up", "scroll the view up"),
    Act("calibrate.refresh", "f5", "refresh", "measure again", "read everything and measure again"),
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

LIVE = (
    Act("live.open", "enter", "open", "open", "look at this pair in Browse", footer=True),
    Act("live.label", "L", "label", "label", "label exactly the rows that this generate job made", footer=True),
    Act("live.more", "plus", "calls(1)", "calls", "more calls at once, while it runs", footer=True),
    Act("live.fewer", "minus", "calls(-1)", "fewer", "fewer calls at once, while it runs", footer=True),
    Act("live.pause", "p", "pause", "pause", "lay this job aside, or have it go on", footer=True),
    Act("live.cancel", "c", "cancel", "cancel", "stop this job; what it finished is kept", footer=True),
    Act(
        "live.retry", "R", "retry", "retry", "ask again where there is no verdict; try a failed job again", footer=True
    ),
    Act("live.next", "right,l,tab", "job(1)", "other job", "the next job", footer=True),
    Act("live.previous", "left,h,shift+tab", "job(-1)", "job before", "the job before"),
    Act("live.details", "d", "details", "details", "arguments, result, error and all events", footer=True),
    Act("live.refresh", "f5", "refresh", "read again", "read again"),
)

WORKERS = (
    Act("workers.details", "enter", "details", "details", "arguments, result, error and all events", footer=True),
    Act("workers.pause", "p", "pause", "pause", "lay this job aside, or have it go on", footer=True),
    Act("workers.cancel", "c", "cancel", "cancel", "stop this job; what it finished is kept", footer=True),
    Act("workers.retry", "R", "retry", "retry", "put this job back into the queue", footer=True),
    Act("workers.more", "plus", "slots(1)", "workers", "one worker more; starts them where none lives", footer=True),
    Act("workers.fewer", "minus", "slots(-1)", "fewer", "one worker less; its job goes back first", footer=True),
    Act("workers.log", "L", "log", "log", "the log of the worker that has this job", footer=True),
    Act("workers.ended", "h", "ended", "hide ended", "hide or show the jobs that have ended", footer=True),
    Act("workers.older", "m", "older", "older", "read more of the jobs that have ended"),
    Act("workers.refresh", "f5", "refresh", "read again", "read queue and workers again"),
)

READER = (
    Act("reader.close", "escape,q,enter", "close", "close", "close"),
    Act("reader.down", "down,j", "scroll(1)", "down", "one line down"),
    Act("reader.up", "up,k", "scroll(-1)", "up", "one line up"),
    Act("reader.page_down", "pagedown,space", "scroll_page(1)", "page down", "one page down"),
    Act("reader.page_up", "pageup", "scroll_page(-1)", "page up", "one page up"),
    Act("reader.first", "home", "edge(-1)", "top", "to the beginning"),
    Act("reader.last", "end", "edge(1)", "end", "to the end"),
    Act("reader.next", "right,l,tab", "other(1)", "next log", "the next log"),
    Act("reader.previous", "left,h,shift+tab", "other(-1)", "log before", "the log before"),
)

SCENARIOS = (
    Act("scenarios.approve", "a", "approve", "approve", "let it seed the next cycle; asks for the reason", footer=True),
    Act("scenarios.reject", "r", "reject", "reject", "it seeds nothing; asks for the reason", footer=True),
    Act("scenarios.merge", "m", "merge", "merge", "it is part of another one", footer=True),
    Act("scenarios.rubric", "E", "rubric_of", "rubric", "edit the drafted rubric in $EDITOR", footer=True),
    Act("scenarios.all", "h", "all", "all", "show or hide what was rejected or merged", footer=True),
    Act("scenarios.down", "J,ctrl+d", "scroll_details(5)", "details down", "scroll the details down"),
    Act("scenarios.up", "K,ctrl+u", "scroll_details(-5)", "details up", "scroll the details up"),
)

TRAIN = (
    Act("train.stop", "s", "stop", "stop", "stop after saving: the run can go on from there", footer=True),
    Act("train.resume", "r", "resume", "resume", "go on from the last checkpoint", footer=True),
    Act("train.evaluate", "e", "evaluate", "evaluate", "measure its adapter beside its base", footer=True),
    Act("train.start", "n", "start", "new run", "train an adapter: the plan first, then the run", footer=True),
    Act("train.log", "L", "log", "log", "what the trainer printed", footer=True),
    Act("train.down", "J,ctrl+d", "scroll_details(5)", "details down", "scroll the details down"),
    Act("train.up", "K,ctrl+u", "scroll_details(-5)", "details up", "scroll the details up"),
)

CYCLES = (
    Act("cycles.phases", "enter", "phases", "phase", "look into the phase that is chosen in the ribbon", footer=True),
    Act("cycles.phase_next", "right,l", "phase(1)", "choose", "choose the next phase of the ribbon", footer=True),
    Act("cycles.phase_back", "left,h", "phase(-1)", "phase before", "choose the phase before"),
    Act("cycles.open", "o", "open", "do it", "go where a person is awaited: labels or the gate", footer=True),
    Act("cycles.go_on", "r", "go_on", "go on", "go on with this run from where it is", footer=True),
    Act("cycles.start", "n", "start", "new run", "begin a run of cycles", footer=True),
    Act("cycles.pause", "p", "pause", "pause", "lay its job aside, or have it go on", footer=True),
    Act("cycles.cancel", "c", "cancel", "cancel", "stop its job; what it finished is kept", footer=True),
    Act("cycles.give_up", "x", "give_up", "give up", "give up a run that waits or failed; asks for the reason"),
    Act("cycles.down", "J,ctrl+d", "scroll_details(5)", "details down", "scroll the details down"),
    Act("cycles.up", "K,ctrl+u", "scroll_details(-5)", "details up", "scroll the details up"),
)

PHASES = (
    Act("phases.down", "J,ctrl+d,space", "scroll_details(5)", "details", "scroll the details down", footer=True),
    Act("phases.up", "K,ctrl+u", "scroll_details(-5)", "details up", "scroll the details up"),
    Act("phases.back", "escape,enter", "back", "back", "back to the history", footer=True),
)

GATE = (
    Act("gate.promote", "a", "promote", "promote", "put this adapter in use; asks for the reason", footer=True),
    Act("gate.refuse", "r", "refuse", "refuse", "refuse this adapter; asks for the reason", footer=True),
    Act("gate.rollback", "b", "rollback", "roll back", "put the adapter before back in use; asks why", footer=True),
    Act("gate.verify", "v", "verify", "verify", "check every hash and compute every number again", footer=True),
    Act("gate.blind", "B", "blind", "blind", "choose between answers without knowing whose they are", footer=True),
    Act("gate.next", "tab,right,l", "view(1)", "next view", "the next view of the evidence", footer=True),
    Act("gate.back", "shift+tab,left,h", "view(-1)", "view before", "the view before"),
    *(
        Act(f"gate.view_{number}", str(number), f"show_view({number - 1})", name, f"show: {name}")
        for number, name in enumerate(("gates", "scores", "data", "people", "in use"), 1)
    ),
    Act("gate.down", "J,ctrl+d,space", "scroll_details(5)", "details down", "scroll the evidence down"),
    Act("gate.up", "K,ctrl+u", "scroll_details(-5)", "details up", "scroll the evidence up"),
)

BLIND = (
    Act("blind.left", "h,left", "choose('first')", "left", "the left answer is better", footer=True),
    Act("blind.right", "l,right", "choose('second')", "right", "the right answer is better", footer=True),
    Act("blind.tie", "equals_sign", "choose('tie')", "tie", "both are equally good", footer=True),
    Act("blind.both_bad", "x", "choose('neither')", "both bad", "neither is any good: counts as a tie", footer=True),
    Act("blind.down", "j,down", "scroll(1)", "down", "scroll both answers down"),
    Act("blind.up", "k,up", "scroll(-1)", "up", "scroll both answers up"),
    Act("blind.page_down", "space,pagedown", "scroll(10)", "page down", "scroll both answers down by ten lines"),
    Act("blind.page_up", "pageup", "scroll(-10)", "page up", "scroll both answers up by ten lines"),
    Act("blind.close", "escape", "close", "later", "go on later: what was chosen is kept", footer=True),
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

RUBRIC = (
    Act("rubric.save", "ctrl+s", "save", "save", "save it in the workspace, as the next version", priority=True),
    Act("rubric.try", "f5", "try", "try", "ask the judge about the three pairs", priority=True),
    Act("rubric.judge", "f6", "judge", "judge", "who is asked: rules, or a model", priority=True),
    Act("rubric.sent", "f7", "sent", "sent", "what a judge is told, in full", priority=True),
    Act("rubric.leave", "escape", "leave", "close", "close; what is not saved is asked about", priority=True),
)

TABLE = (
    Act("table.down", "down,j", "cursor(1)", "down", "one row down"),
    Act("table.up", "up,k", "cursor(-1)", "up", "one row up"),
    Act("table.page_down", "pagedown,ctrl+f", "page(1)", "page down", "one page down"),
    Act("table.page_up", "pageup,ctrl+b", "page(-1)", "page up", "one page up"),
    Act("table.first", "home,ctrl+home", "edge(-1)", "first", "the first row"),
    Act("table.last", "end,ctrl+end", "edge(1)", "last", "the last row"),
)

GROUPS: dict[str, tuple[str, tuple[Act, ...]]] = {
    # group: (its title in the help, its acts)
    "app": ("Everywhere", APP),
    "datasets": ("Datasets", DATASETS),
    "browse": ("Browse", BROWSE),
    "validation": ("Validation", VALIDATION),
    "calibrate": ("Calibrate", CALIBRATE),
    "duplicates": ("Duplicates", DUPLICATES),
    "label": ("Label", LABEL),
    "bulk": ("Bulk", BULK),
    "live": ("Live", LIVE),
    "workers": ("Workers", WORKERS),
    "cycles": ("Cycles", CYCLES),
    "phases": ("Phases of a cycle", PHASES),
    "train": ("Train", TRAIN),
    "gate": ("Gate", GATE),
    "blind": ("Blind comparison", BLIND),
    "scenarios": ("Scenarios", SCENARIOS),
    "heatmap": ("Heat map of a taxonomy", HEATMAP),
    "rubric": ("Rubric editor", RUBRIC),
    "reader": ("Details and logs", READER),
    "table": ("Tables", TABLE),
}


def bindings_of(group: str) -> list[BindingType]:
    """The bindings of a group, for `BINDINGS` of the screen or widget that has its actions."""
    return [act.binding() for act in GROUPS[group][1]]


def all_acts() -> Iterator[Act]:
    """Every act of every group."""
    for _, acts in GROUPS.values():
        yield from acts


def key_of(id: str, keymap: dict[str, str]) -> str:
    """The keys (comma-separated) of an act, as the person has set them."""
    return keymap.get(id) or next(act.keys for act in all_acts() if act.id == id)


def check_keymap(keymap: dict[str, str]) -> None:
    """Raises InputError for an id in `[keymap]` that no binding has: it would be ignored in silence."""
    known = {act.id for act in all_acts()}
    for name in keymap:
        if name not in known:
            group = name.partition(".")[0]
            near = sorted(found for found in known if found.startswith(f"{group}.")) or sorted(GROUPS)
            raise InputError(
                f"{name!r} is not a binding",
                file="flywheel.toml",
                field="keymap",
                remedy=f"there are: {', '.join(near)}",
            )


_SHOWN = {
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "question_mark": "?",
    "slash": "/",
    "asterisk": "*",
    "full_stop": ".",
    "equals_sign": "=",
    "plus": "+",
    "minus": "-",
    "comma": ",",
    "greater_than_sign": ">",
    "less_than_sign": "<",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def show_key(key: str) -> str:
    """A key as people write it: `slash` is `/`, `ctrl+p` is `^p`."""
    *modifiers, name = key.split("+")
    if name == "" and key.endswith("+"):
        name = "plus"
    name = _SHOWN.get(name, name)
    if modifiers == ["ctrl"]:
        return f"^{name}"
    return "+".join([*modifiers, name])
