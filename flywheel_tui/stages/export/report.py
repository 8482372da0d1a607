"""What comes back from an export, and what is written beside it: the manifest and the data card."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

import msgspec

from flywheel_tui.stages.export.real_share import LEAST
from flywheel_tui.store.connection import sqlite_version
from flywheel_tui.text import visible

MANIFEST_VERSION = 1


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `to` is a file or a folder, empty for the folder `exports` of the workspace.

    `template` is `chatml` or the folder of a model: its chat template is applied to every row, and what it refuses is
    left out. `real_share`: None adds the seeds that the pairs grew from, and more real pairs of their data sets until
    10 % are real, and leaves out nothing; 0 adds none; a share above 0 adds as far as there are real pairs, then leaves
    generated ones out until it is kept. `names`: the files of the parts, in the folder `to`.
    """

    dataset: str
    to: str = ""
    format: str = "jsonl"
    filter: str | None = None
    split: dict[str, float] | None = None
    seed: int = 0
    tag: str | None = None
    raw: bool = False
    edits_as_preferences: bool = False
    messages: bool = False
    force: bool = False
    template: str = ""
    provenance: bool = True
    real_share: float | None = None
    names: dict[str, str] | None = None


class ExportFile(msgspec.Struct, frozen=True, kw_only=True):
    """One data file; `part` is its name in the split, empty without one."""

    path: str
    part: str
    pairs: int
    bytes: int
    sha256: str


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """Pairs that matched the filter and are not in the files: how many, and why."""

    reason: str
    pairs: int


class ExportResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an export did. `matched` pairs passed the filter; `statuses` and `kinds` count those that were written."""

    dataset: str
    format: str
    files: tuple[ExportFile, ...]
    manifest: str
    card: str
    snapshot: int
    snapshot_hash: str
    matched: int
    written: int
    statuses: dict[str, int]
    kinds: dict[str, int]
    sources: dict[str, int]
    edited: int
    left_out: tuple[Left, ...]
    notes: tuple[str, ...]
    beside: tuple[str, ...] = ()
    """Other files that were written: provenance, configurations."""
    generated: int = 0
    """How many of the pairs that were written a generator made; the others are real."""
    seeds: int = 0
    """How many of those written were taken from other data sets because pairs of this one grew from them."""
    added: int = 0
    """How many further real pairs of those data sets were written, for the share."""
    seeds_left_out: dict[str, int] = {}
    """Seeds that pairs of this one grew from and that the format could not hold, by the reason."""


def manifest(request: ExportRequest, result: ExportResult) -> bytes:
    """The manifest as JSON: what was asked, what came out, and the hash of every file."""
    document: dict[str, Any] = {
        "manifest": MANIFEST_VERSION,
        "dataset": result.dataset,
        "created": _now(),
        "made_by": {
            "flywheel-tui": version("flywheel-tui"),
            "python": platform.python_version(),
            "sqlite": sqlite_version,
        },
        "format": result.format,
        "filter": request.filter,
        "judge_run": request.tag,
        "split": {"shares": request.split, "seed": request.seed, "by": "family"} if request.split else None,
        "options": {"raw": request.raw, "edits_as_preferences": request.edits_as_preferences,
                    "messages": request.messages, "template": request.template or None},
        "real": {"pairs": result.written - result.generated, "generated": result.generated,
                 "share": round(1 - result.generated / result.written, 4) if result.written else None,
                 "seeds": result.seeds, "added": result.added, "seeds_left_out": result.seeds_left_out,
                 "least_share": LEAST if request.real_share is None else request.real_share},
        "beside": [_name(path) for path in result.beside],
        "snapshot": {"number": result.snapshot, "pairs": result.matched, "hash": result.snapshot_hash},
        "files": [
            {"name": _name(file.path), "part": file.part or None, "pairs": file.pairs, "bytes": file.bytes,
             "sha256": file.sha256}
            for file in result.files
        ],
        "pairs": result.written,
        "statuses": result.statuses,
        "kinds": result.kinds,
        "sources": result.sources,
        "edited": result.edited,
        "left_out": result.left_out,
        "notes": result.notes,
    }  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def card(request: ExportRequest, result: ExportResult, about: str, front_matter: str = "") -> bytes:
    """The data card in Markdown: what somebody who was given the files needs to know."""
    lines = [f"{front_matter}# {result.dataset}", ""]
    lines += [f"{result.written:,} pairs, exported as `{result.format}` ({about}) on {_now()[:10]}.", ""]
    lines += ["## Files", "", "| file | pairs | bytes | SHA-256 |", "|---|---:|---:|---|"]
    lines += [
        f"| {_code(_name(file.path))} | {file.pairs:,} | {file.bytes:,} | `{file.sha256}` |" for file in result.files
    ]
    lines += ["", "## How they were chosen", ""]
    lines += [f"- Filter: {_code(request.filter)}" if request.filter else "- Filter: none, every pair of the data set"]
    if request.tag:
        lines.append(f"- Scores are those of the judge run {_code(request.tag)}")
    if request.split:
        shares = ", ".join(f"{name} {share:g}" for name, share in request.split.items())
        lines.append(
            f"- Split: {shares}, seed {request.seed}; by family, so that a pair, its edits, its exact duplicates"
            " and what was grown from it are in one part"
        )
    lines.append(f"- Snapshot: {result.matched:,} pairs, hash `{result.snapshot_hash}`")
    lines += [f"- Left out: {left.pairs:,} × {left.reason}" for left in result.left_out]
    lines += ["", "## What is in them", "", "| | pairs |", "|---|---:|"]
    lines += [f"| kind {name} | {count:,} |" for name, count in result.kinds.items()]
    lines += [f"| status {name} | {count:,} |" for name, count in result.statuses.items()]
    lines += [f"| edited by a reviewer | {result.edited:,} |"]
    if result.generated:
        lines += [f"| real | {result.written - result.generated:,} |", f"| generated | {result.generated:,} |"]
    lines += ["", "## Where they came from", ""]
    lines += [f"- {_code(name)}: {count:,} pairs" for name, count in result.sources.items()]
    if result.seeds:
        lines.append(f"- {result.seeds:,} of them are seeds in other data sets that pairs of this one grew from")
    if result.added:
        lines.append(f"- {result.added:,} of them are real pairs of those data sets, added to keep a share of them")
    if result.notes:
        lines += ["", "## Notes", "", *(f"- {note}" for note in result.notes)]
    lines += [
        "",
        "## To be filled in by a person",
        "",
        "- Licence of the sources, and what it allows:",
        "- Personal data: how it was looked for and what was done:",
        "- What the data is meant for, and what it is not:",
        "",
    ]
    return "\n".join(lines).encode()


def shown_sources(sources: Mapping[int, str]) -> dict[int, str]:
    """The names of sources as they leave the workspace: of a file the name alone, with as much of its folder as tells
    it from another one. Where on this machine (in whose home) it lay is nobody's business."""
    parts = {
        number: PurePath(name).parts if PurePath(name).is_absolute() else (name,) for number, name in sources.items()
    }
    shown: dict[int, str] = {}
    for number, mine in parts.items():
        others = {each for each in parts.values() if each != mine}
        depth = next(
            (depth for depth in range(1, len(mine)) if all(each[-depth:] != mine[-depth:] for each in others)),
            max(len(mine) - 1, 1),
        )
        shown[number] = "/".join(mine[-depth:])
    return shown


def _code(text: str) -> str:
    """A text from elsewhere as a code span of one line: nothing in it is Markdown, or acts on a terminal."""
    shown = visible(text, multiline=False, limit=400).replace("|", "\\|")
    longest = max((len(run) for run in _runs(shown)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {shown} {fence}" if longest else f"`{shown}`"


def _runs(text: str) -> list[str]:
    return [run for run in "".join(c if c == "`" else " " for c in text).split(" ") if run]


def _name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
