"""The files of a bundle that follow from its raw ones: figures, gates, statement, summary; to make and to verify."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.errors import InputError
from flywheel_tui.records.evaluation import Criteria, Item, JudgeEvidence, Judgement, Measured
from flywheel_tui.stages.evaluate.measure import canonical, measure
from flywheel_tui.stages.evaluate.run import best_of
from flywheel_tui.stages.gate.verdicts import judge_gates

CRITERIA, EVALUATION, ITEMS, JUDGES = "criteria.json", "evaluation.json", "items.jsonl", "judges.json"
RESULTS, GATES, STATEMENT, SUMMARY = "results.json", "gates.json", "statement.json", "summary.txt"
DERIVED = (RESULTS, GATES, STATEMENT, SUMMARY)
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:flywheel-tui:promotion-evidence:v1"


class Registered(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`criteria.json`: what was registered, its hash, and whether that was before anything could be seen."""

    hash: str
    registered_before: bool
    criteria: Criteria


class About(msgspec.Struct, frozen=True, kw_only=True):
    """`evaluation.json`: which models were compared, on what, how."""

    base: str
    base_hash: str
    adapter: str
    adapter_hash: str
    against: str
    against_hash: str
    dataset: str | None
    cycle: int | None
    criteria_hash: str
    trained_on: int
    facts: dict[str, Any]


class Raw(NamedTuple):
    """What the figures are computed from."""

    registered: Registered
    about: About
    items: list[Item]
    judges: tuple[JudgeEvidence, ...]


def read_raw(files: Mapping[str, bytes]) -> Raw:
    """The raw files as records. Raises InputError that names the file which is missing or cannot be read."""
    return Raw(
        _read(files, CRITERIA, Registered), _read(files, EVALUATION, About), _lines(files),
        _read(files, JUDGES, tuple[JudgeEvidence, ...]),
    )  # fmt: skip


def _read(files: Mapping[str, bytes], name: str, kind: Any) -> Any:
    if name not in files:
        raise InputError("is missing", file=name, remedy="the bundle is not whole: make it again")
    try:
        return msgspec.json.decode(files[name], type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        remedy = "the bundle was changed: make it again"
        raise InputError(f"cannot be read ({error})", file=name, remedy=remedy) from None


def _lines(files: Mapping[str, bytes]) -> list[Item]:
    if ITEMS not in files:
        raise InputError("is missing", file=ITEMS, remedy="the bundle is not whole: make it again")
    found = []
    for number, line in enumerate(files[ITEMS].splitlines(), 1):
        try:
            found.append(msgspec.json.decode(line, type=Item))
        except (msgspec.MsgspecError, RecursionError) as error:
            raise InputError(f"cannot be read ({error})", file=ITEMS, line=number) from None
    return found


def derive(raw: Raw) -> dict[str, bytes]:
    """Everything that is computed, as the bytes of its files."""
    measured = measure(raw.items, raw.registered.criteria, raw.about.trained_on, best_of(raw.about.facts))
    judgement = judge_gates(
        measured, raw.registered.criteria, raw.judges, registered_before=raw.registered.registered_before
    )
    results, gates = pretty(measured), pretty(judgement)
    return {
        RESULTS: results, GATES: gates, STATEMENT: pretty(_statement(raw, results, gates, judgement)),
        SUMMARY: _summary(raw, measured, judgement).encode(),
    }  # fmt: skip


def _statement(raw: Raw, results: bytes, gates: bytes, judgement: Judgement) -> dict[str, Any]:
    """Of the shape of an in-toto Statement, so that it can be signed later."""
    about = raw.about
    digest = {"sha256": about.adapter_hash or about.base_hash}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": about.adapter or "base alone", "digest": digest}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "base": {"name": about.base, "digest": {"sha256": about.base_hash}},
            "against": {"name": about.against or "base alone", "digest": {"sha256": about.against_hash}},
            "criteria": {"sha256": raw.registered.hash, "registeredBefore": raw.registered.registered_before},
            "results": {"sha256": sha256(results).hexdigest()},
            "gates": {"sha256": sha256(gates).hexdigest()},
            "verdict": judgement.verdict,
            "seed": raw.registered.criteria.seed,
        },
    }  # fmt: skip


def _summary(raw: Raw, measured: Measured, judgement: Judgement) -> str:
    about, before = raw.about, "yes" if raw.registered.registered_before else "NO"
    lines = [
        f"{about.adapter or 'base alone'} against {about.against or 'base alone'}, base {about.base}",
        f"criteria {raw.registered.hash[:16]}, registered before: {before}",
        f"verdict of G1 to G6: {judgement.verdict}",
        "",
    ]
    for gate in judgement.gates:
        missing = f". Missing: {gate.missing}" if gate.missing else ""
        lines.append(f"{gate.gate} {gate.title}: {gate.verdict}. {gate.why}{missing}")
    lines += ["", "slice | n | base | candidate | difference | 95 % interval | McNemar p"]
    for line in (*measured.slices, measured.overall):
        if line.n:
            d = line.difference
            interval = f"{100 * (d.low or 0):+.1f} to {100 * (d.high or 0):+.1f}"
            lines.append(
                f"{line.slice or 'all'} | {line.n} | {line.base.value:.3f} | {line.candidate.value:.3f} |"
                f" {100 * (d.value or 0):+.1f} points | {interval} | {line.p:.4g}"
            )
    return "\n".join(lines) + "\n"


def pretty(value: Any) -> bytes:
    """JSON for people with sorted keys: the same value is the same bytes."""
    return msgspec.json.format(canonical(value), indent=2) + b"\n"
