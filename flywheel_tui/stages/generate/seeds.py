"""Seeds: a data set, a file, a list by name, or the words themselves. They are stored before anything is made from
them, so that every row's lineage ends at a real row."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
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
    """Where seeds lie: a data set, the newest pair that counts, and an expression that narrows them.

    `meant` says in words what a person's text was taken for; empty where nobody typed one.
    """

    dataset: str
    upto: int
    where: str | None = None
    meant: str = ""


class Looked(NamedTuple):
    """Seeds that were read and not stored, and in words what they were taken from."""

    seeds: list[Seed]
    meant: str


class _Meant(NamedTuple):
    """What a text stands for: the data set of that name, a file that becomes one, or the seeds themselves."""

    dataset: str
    path: Path | None = None
    listed: str = ""
    words: tuple[str, ...] = ()

    @property
    def said(self) -> str:
        """In words."""
        if self.words:
            return "what was typed"
        if self.listed:
            return f"the list {self.listed}"
        if self.path is not None:
            return f"the {'folder' if self.path.is_dir() else 'file'} {self.path}"
        return f"the data set {self.dataset}"


def seed_files(workspace: Workspace) -> dict[str, Path]:
    """Lists of seeds and golden examples by name: those of the workspace, else the shipped ones."""
    found: dict[str, Path] = {}
    for folder in (shipped("seeds"), shipped("golden"), workspace.root / "seeds", workspace.root / "golden"):
        found |= {path.stem: path for path in sorted(folder.glob("*.jsonl"))}
    return found


def place_seeds(workspace: Workspace, text: str, recipe: type[Recipe], where: str | None = None) -> SeedPlace:
    """Find the seeds that a person means and store those that are not stored yet.

    What is there is taken in as by `flywheel ingest` (again: nothing new), the name of a list likewise;
    any other text with a comma or a blank is the seeds themselves. Raises NotFoundError that lists what there is,
    InputError for a file that is off.
    """
    meant = _meaning(workspace, text, recipe)
    if meant.words:
        _typed(workspace, meant.dataset, meant.words)
    elif meant.path is not None:
        meant = meant._replace(dataset=_ingest(workspace, meant.path, recipe, meant.dataset))
    if where is not None:
        parse(where)
    connection = workspace.store.read()
    found = datasets.get_dataset(connection, meant.dataset)
    return SeedPlace(meant.dataset, generation.newest_pair(connection, found.id), where, meant.said)


def look_at_seeds(workspace: Workspace, text: str, recipe: type[Recipe], where: str | None = None) -> Looked:
    """The seeds that `place_seeds` would find, with nothing written: what is not stored yet is read into a workspace
    that is thrown away. Raises what `place_seeds` does."""
    meant = _meaning(workspace, text, recipe)
    if meant.path is None and not meant.words:
        place = place_seeds(workspace, text, recipe, where)
        return Looked(read_seeds(workspace, place, recipe), meant.said)
    from flywheel_tui.workspace import Workspace

    with TemporaryDirectory(prefix="flywheel-seeds-") as folder, Workspace.open(folder, create=True) as aside:
        given = str(meant.path) if meant.path is not None else text
        place = place_seeds(aside, given, recipe, where)
        return Looked(read_seeds(aside, place, recipe), meant.said)


def _meaning(workspace: Workspace, text: str, recipe: type[Recipe]) -> _Meant:
    """What a person's text stands for. A name wins over a file beside it, and what is no file is text: a seed may hold
    a slash. Raises NotFoundError, UsageError."""
    text = text.strip() or recipe.default_seeds
    path = Path(text).expanduser()
    if _is_dataset(workspace, text):
        return _Meant(text)
    if _is_there(path):
        return _Meant(_name_of(path.stem), path)
    if text in (files := seed_files(workspace)):
        return _Meant(f"seeds-{text}", files[text], listed=text)
    parts = tuple(dict.fromkeys(part for each in text.split(",") if (part := each.strip())))
    remedy = f'for one seed of your own end it with a comma: --seeds "{text[:60]},"'
    if "," in text:
        if found := next(filter(_names_a_file, parts), None):
            raise UsageError(
                f"{found!r} stands among seeds between commas and names a file; give one file or data set alone"
            )
    elif text.endswith(_SUFFIXES):
        raise NotFoundError("file or folder of seeds", text, remedy=f"looked for it in {Path.cwd()}")
    elif text.startswith(("/", "./", "../", "~")):
        raise NotFoundError("file or folder of seeds", text, remedy=remedy)
    elif " " not in text:
        known = [row.name for row in datasets.list_datasets(workspace.store.read())]
        raise NotFoundError("data set, file or list of seeds", text, sorted({*known, *seed_files(workspace)}), remedy)
    if not parts:
        raise UsageError('there is no seed in that list; write: --seeds "first seed,second seed"')
    return _Meant(f"seeds-typed-{blake2b(chr(31).join(parts).encode(), digest_size=4).hexdigest()}", words=parts)


def _names_a_file(part: str) -> bool:
    """Whether a seed between commas is rather a file: two files cannot be given that way."""
    return (part.endswith(_SUFFIXES) and " " not in part) or ("/" in part and _is_there(Path(part).expanduser()))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a text may be longer than any name of a file
        return False


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


def _typed(workspace: Workspace, name: str, words: Sequence[str]) -> None:
    """Store seeds that were typed, in a data set that is named by them: the same list is the same data set."""
    drafts = [Draft(kind="prompt", instruction=word, author=workspace.reviewer) for word in words]
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
