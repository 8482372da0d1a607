"""The keys of Live and Workers."""

from __future__ import annotations

from screens.acts.act import Act

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
