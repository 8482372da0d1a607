"""The keys of Cycles, Train, Gate and Scenarios, and of what opens over them."""

from __future__ import annotations

from screens.acts.act import Act

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

TRAIN = (
    Act("train.stop", "s", "stop", "stop", "stop after saving: the run can go on from there", footer=True),
    Act("train.resume", "r", "resume", "resume", "go on from the last checkpoint", footer=True),
    Act("train.evaluate", "e", "evaluate", "evaluate", "measure its adapter beside its base", footer=True),
    Act("train.start", "n", "start", "new run", "train an adapter: the plan first, then the run", footer=True),
    Act("train.log", "L", "log", "log", "what the trainer printed", footer=True),
    Act("train.down", "J,ctrl+d", "scroll_details(5)", "details down", "scroll the details down"),
    Act("train.up", "K,ctrl+u", "scroll_details(-5)", "details up", "scroll the details up"),
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

SCENARIOS = (
    Act("scenarios.approve", "a", "approve", "approve", "let it seed the next cycle; asks for the reason", footer=True),
    Act("scenarios.reject", "r", "reject", "reject", "it seeds nothing; asks for the reason", footer=True),
    Act("scenarios.merge", "m", "merge", "merge", "it is part of another one", footer=True),
    Act("scenarios.rubric", "E", "rubric_of", "rubric", "edit the drafted rubric in $EDITOR", footer=True),
    Act("scenarios.all", "h", "all", "all", "show or hide what was rejected or merged", footer=True),
    Act("scenarios.down", "J,ctrl+d", "scroll_details(5)", "details down", "scroll the details down"),
    Act("scenarios.up", "K,ctrl+u", "scroll_details(-5)", "details up", "scroll the details up"),
)
