"""The bias audit of a judge: what chance, the order, the length and its own family do to its verdicts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flywheel_tui.records.bias import BiasAudit, FamilyBias, FormBias, LengthBias, PositionBias
from flywheel_tui.stages.bias_perturb import flips
from flywheel_tui.stages.calibrate_measure import number
from flywheel_tui.store import bias as store
from flywheel_tui.store.calibration import PREFERENCE_CODES

if TYPE_CHECKING:
    from flywheel_tui.stages.calibrate import Labelled
    from flywheel_tui.workspace import Workspace

_WINNERS = {"a": "A", "b": "B", "tie": "tie", "neither": "tie"}
_SHARES = {PREFERENCE_CODES["a"]: 1.0, PREFERENCE_CODES["b"]: 0.0}
"""How much of a win for answer a; ties and "neither" are half."""


def family_of(model: str) -> str:
    """The family that a model's name speaks of: its first word, without publisher, version and size.

    >>> family_of("meta-llama/Llama-3.1-8B"), family_of("openai:gpt-4o-mini"), family_of("qwen2.5:7b")
    ('llama', 'gpt', 'qwen')
    """
    name = model.rsplit("/", 1)[-1].lower()
    name = re.sub(r"^(?:ollama|openai|openrouter|anthropic|local|scripted):", "", name)
    found = re.match(r"[a-z]+", name)
    return found[0] if found else name


def audit(workspace: Workspace, read: Labelled) -> BiasAudit:
    """Audit the run that was read. What it or its labels cannot tell is None, with the reason among the notes."""
    notes: list[str] = []
    if read.stability is None:
        by_rules = read.run.judge is not None and read.run.judge.backend == "offline"
        notes.append(
            "chance: rules always say the same"
            if by_rules
            else "chance: nothing was asked twice; flywheel judge … --repeat 3 --sample 0.1 does"
        )
    return BiasAudit(
        position=_position(workspace, read, notes), length=_length(workspace, read, notes),
        family=_family(workspace, read, notes), forms=_forms(workspace, read, notes), notes=tuple(notes),
    )  # fmt: skip


def _forms(workspace: Workspace, read: Labelled, notes: list[str]) -> tuple[FormBias, ...]:
    if read.preference:
        return ()
    found = flips(workspace, read.dataset, read.run, read.options.confidence)
    if not found:
        again = f"flywheel judge -d {read.dataset.name} --tag {read.run.tag} --forms all"
        notes.append(f"form: no answer was judged in another form; {again} does")
    return found


def _position(workspace: Workspace, read: Labelled, notes: list[str]) -> PositionBias | None:
    from flywheel_tui.stats.bias import position

    rows = store.halves(workspace.store.read(), read.run.id)
    if not rows:
        if read.preference:
            notes.append("order: this run holds no preferences in both orders")
        return None
    found = position([_WINNERS[row.a_first] for row in rows], [_WINNERS[row.b_first] for row in rows])
    return PositionBias(
        consistency=number(found.consistency), prefers_first=found.prefers_first, prefers_second=found.prefers_second,
        p=found.test.p,
    )  # fmt: skip


def _length(workspace: Workspace, read: Labelled, notes: list[str]) -> LengthBias | None:
    from flywheel_tui.stats.bias import length, length_preference

    joined = read.joined
    if not len(joined.version):
        notes.append("length: no blind labels to hold quality by")
        return None
    sizes = store.lengths(workspace.store.read(), joined.version.tolist())
    first = [one for one, _ in sizes]
    if read.preference:
        said = [_SHARES.get(code, 0.5) for code in joined.said.tolist()]
        truth = [_SHARES.get(code, 0.5) for code in joined.truth.tolist()]
        found = length_preference(said, first, [two for _, two in sizes], truth, level=read.options.confidence)
        assert found.coefficient is not None
        return LengthBias(n=found.n, coefficient=number(found.coefficient), p=found.p)
    found = length(joined.truth, joined.said, first, None)
    scored = _ranked(read, first)
    thirds = tuple((number(tpr), number(tnr)) for tpr, tnr in found.by_tercile)
    return LengthBias(n=found.n, thirds=thirds, ranked=scored)


def _ranked(read: Labelled, sizes: list[int]) -> tuple[float | None, float | None]:
    """Score against length among people's passes and among their fails, of the verdicts that have a score."""
    import numpy as np

    from flywheel_tui.stats.correlation import spearman

    joined = read.joined
    if joined.score is None:
        return None, None
    length, known, passes = np.asarray(sizes, float), ~np.isnan(joined.score), joined.truth == 1
    return (
        spearman(joined.score[known & passes], length[known & passes]),
        spearman(joined.score[known & ~passes], length[known & ~passes]),
    )


def _family(workspace: Workspace, read: Labelled, notes: list[str]) -> FamilyBias | None:
    import numpy as np

    from flywheel_tui.stats.bias import family

    judge, joined = read.run.judge, read.joined
    if read.preference:
        notes.append("family: preferences are not audited for it; who wrote either answer is not known")
        return None
    known = store.writers(workspace.store.read(), joined.version.tolist())
    if judge is None or not judge.model or not known:
        notes.append("family: which models wrote the answers is not known (no teacher, and no model in their metadata)")
        return None
    name = family_of(judge.model)
    here = np.array([version in known for version in joined.version.tolist()])
    own = [family_of(known[version]) == name for version in joined.version[here].tolist()]
    found = family(joined.truth[here], joined.said[here], own, read.options.confidence)
    return FamilyBias(name=name, own=sum(own), at_pass=number(found.at_pass), at_fail=number(found.at_fail))
