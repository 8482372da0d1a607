"""The keys of Calibrate."""

from __future__ import annotations

from screens.acts.act import Act

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
    Act("calibrate.tag", "J", "tag", "judge", "choose another judge run, or have the first one made", footer=True),
    Act("calibrate.dataset", "D", "dataset", "data set", "measure on another data set"),
    Act(
        "calibrate.blind",
        "b",
        "blind",
        "blind only",
        "count labels of picked pairs too, then those with the verdict in sight",
    ),
    Act("calibrate.policy", "p", "policy", "unreadable", "how replies count that could not be read", footer=True),
    Act("calibrate.split", "s", "split", "split", "all labels, or one split: prompt-dev, calibrate, report"),
    Act("calibrate.edited", "e", "edited", "edited", "whether an edited pair counts as a pass"),
    Act("calibrate.down", "pagedown,space", "scroll(1)", "down", "scroll the view down"),
    Act("calibrate.up", "pageup", "scroll(-1)", "up", "scroll the view up"),
    Act("calibrate.refresh", "f5", "refresh", "measure again", "read everything and measure again"),
)
