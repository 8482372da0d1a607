"""Seeds: a data set, a file, a list by name, or the words themselves. They are stored before anything is made from
them, so that every row's lineage ends at a real row."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.expressions import parse
from flywheel_tui.records.pair import Draft
from flywheel_tui.resources import shipped
from flywheel_tui.stages.generate.recipe import MAX_DEPTH, Recipe, Seed
from flywheel_tui.store import datasets, generation, ingredients, pairs, sources
from flywheel_tui.store.selections import select_pairs, where_of

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")


class SeedPlace(NamedTuple):
    """Where seeds lie: a data set, the newest pair that counts, and an expression that narrows them."""

    dataset: str
    upto: int
    where: str | None = None


def seed_files(workspace: Workspace) -> dict[str, Path]:
    """Lists of seeds and golden examples by name: those of the workspace, else the shipped ones."""
    found: dict[str, Path] = {}
    for folder in (shipped("seeds"), shipped("golden"), workspace.root / "seeds", workspace.root / "golden"):
        found |= {path.stem: path for path in sorted(folder.glob("*.jsonl"))}
    return found


def place_seeds(workspace: Workspace, text: str, recipe: type[Recipe], where: str | None = None) -> SeedPlace:
    """Find the seeds that a person means and store those that are not stored yet.

    A path is taken in as by `flywheel ingest` (again: nothing new); the name of a list likewise; a text with a comma or
    a blank is the seeds themselves. Raises NotFoundError that lists what there is, InputError for a file that is off.
    """
    text = text.strip() or recipe.default_seeds
    if "/" in text or text.endswith(_SUFFIXES) or (Path(text).exists() and not _is_dataset(workspace, text)):
        name = _ingest(workspace, Path(text), recipe, _name_of(Path(text).stem))
    elif _is_dataset(workspace, text):
        name = text
    elif text in (files := seed_files(workspace)):
        name = _ingest(workspace, files[text], recipe, f"seeds-{text}")
    elif "," in text or " " in text:
        name = _typed(workspace, [part.strip() for part in text.split(",") if part.strip()])
    else:
        known = [row.name for row in datasets.list_datasets(workspace.store.read())]
        remedy = f'for one seed of your own end it with a comma: --seeds "{text[:60]},"'
        raise NotFoundError("data set, file or list of seeds", text, sorted({*known, *seed_files(workspace)}), remedy)
    if where is not None:
        parse(where)
    connection = workspace.store.read()
    found = datasets.get_dataset(connection, name)
    return SeedPlace(name, generation.newest_pair(connection, found.id), where)


def read_seeds(workspace: Workspace, place: SeedPlace, recipe: type[Recipe]) -> list[Seed]:
    """The seeds of a place that the recipe can take: not rejected by anybody, not too far from real data."""
    connection = workspace.store.read()
    dataset = datasets.get_dataset(connection, place.dataset)
    rows = generation.seed_rows(connection, dataset.id, place.upto)
    if place.where is not None:
        chosen = set(select_pairs(connection, dataset.id, where_of(parse(place.where))).versions)
        rows = [row for row in rows if row.id in chosen]
    seeds = [seed_of(row) for row in rows if not recipe.seed_kinds or row.kind in recipe.seed_kinds]
    return [seed for seed in seeds if seed.depth < MAX_DEPTH]


def runs_of(seeds: Sequence[Seed]) -> tuple[tuple[int, int], ...]:
    """The versions of seeds, in their order, as stretches: (first, how many)."""
    found: list[list[int]] = []
    for seed in seeds:
        if found and seed.id == found[-1][0] + found[-1][1]:
            found[-1][1] += 1
        else:
            found.append([seed.id, 1])
    return tuple((first, count) for first, count in found)


def pinned_seeds(workspace: Workspace, runs: Sequence[tuple[int, int]]) -> list[Seed]:
    """The seeds of `runs_of`, whatever people said of them since. Raises UsageError where rows were removed."""
    versions = [version for first, count in runs for version in range(first, first + count)]
    rows = generation.rows_by_version(workspace.store.read(), versions)
    if len(rows) != len(versions):
        gone = len(versions) - len(rows)
        raise UsageError(f"{gone:,} of the {len(versions):,} seeds of this job were removed; give the command again")
    return [seed_of(row) for row in rows]


def seed_of(row: generation.SeedRow) -> Seed:
    """A stored row as a recipe gets it."""
    decode = msgspec.json.decode
    return Seed(
        id=row.id, uid=row.uid, kind=row.kind, instruction=row.instruction, family=row.family, depth=row.depth or 0,
        input=row.input, output=row.output, body=decode(row.body) if row.body else {},
        meta=decode(row.meta) if row.meta else {}, category=row.category, status=row.status,
    )  # fmt: skip


def write_real(workspace: Workspace, dataset_id: int, drafts: list[Draft]) -> int:
    """Put real rows into a data set; how many were new. Those that it has stay as they are."""
    rows = pairs.prepare(drafts)
    there = generation.hashes(workspace.store.read(), dataset_id)
    fresh = [row for row in rows if row[0] not in there]
    if not fresh:
        return 0
    with workspace.store.tx() as connection:
        source = sources.add_source(
            connection, dataset_id, name="golden examples", format="copied", layout="golden", fingerprint=None
        )
        added = pairs.insert_drafts(connection, dataset_id, source, fresh, pairs.Occurrences())
        sources.finish_source(connection, source, rows=len(fresh), added=added, rejected=0, notes=[])
    return added


def _is_dataset(workspace: Workspace, name: str) -> bool:
    return any(row.name == name for row in datasets.list_datasets(workspace.store.read()))


def _name_of(stem: str) -> str:
    plain = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in stem.lower()).strip("-")
    return f"seeds-{plain or 'file'}"[:64]


def _ingest(workspace: Workspace, path: Path, recipe: type[Recipe], name: str) -> str:
    from flywheel_tui.stages.ingest import IngestOptions, ingest

    kind = "document" if recipe.needs == "documents" and path.is_dir() else None
    mapping = None
    if _is_bare(path):
        kind, mapping = "prompt", {"instruction": "instruction"}
    options = IngestOptions(
        source=str(path.absolute()), name=name, kind=kind, mapping=mapping, tags=("seed",), append=True
    )
    taken = ingest(workspace, options)
    if path.is_file():
        digest = blake2b(path.read_bytes(), digest_size=16).hexdigest()
        body = {"file": path.name, "dataset": taken.dataset, "rows": taken.rows}
        ingredients.keep_next(workspace.store, "golden" if path.parent.name == "golden" else "seeds", path.stem, digest, body)  # fmt: skip  # noqa: E501
    return taken.dataset


def _is_bare(path: Path) -> bool:
    """Whether a JSON Lines file holds instructions without answers, which no layout of pairs is made for."""
    if path.suffix not in (".jsonl", ".ndjson") or not path.is_file():
        return False
    with path.open("rb") as file:
        first = file.readline(1 << 20)
    try:
        row = msgspec.json.decode(first)
    except msgspec.DecodeError:
        return False  # the reader says what is wrong with it
    return isinstance(row, dict) and "instruction" in row and not {"output", "response", "instances"} & set(row)


def _typed(workspace: Workspace, words: list[str]) -> str:
    """Store seeds that were typed, in a data set that is named by them: the same list is the same data set."""
    if not words:
        raise UsageError('there is no seed in that list; write: --seeds "first seed,second seed"')
    drafts = [Draft(kind="prompt", instruction=word, author=workspace.reviewer) for word in dict.fromkeys(words)]
    name = f"seeds-typed-{blake2b(chr(31).join(words).encode(), digest_size=4).hexdigest()}"
    rows = pairs.prepare(drafts)
    with workspace.store.tx() as connection:
        known = {row.name: row.id for row in datasets.list_datasets(connection)}
        dataset = known.get(name) or datasets.create_dataset(connection, name, "prompt", ("seed",)).id
        there = generation.hashes(connection, dataset)
        fresh = [row for row in rows if row[0] not in there]
        if fresh:
            source = sources.add_source(
                connection, dataset, name="typed", format="typed", layout="typed", fingerprint=None
            )
            added = pairs.insert_drafts(connection, dataset, source, fresh, pairs.Occurrences())
            sources.finish_source(connection, source, rows=len(fresh), added=added, rejected=0, notes=[])
    return name
