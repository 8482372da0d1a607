"""The rows to train on: chosen, turned into what the trainer reads, split by family, written with their hashes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import blake2b, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.expressions import parse
from flywheel_tui.stages.export.base import Exporter, LeftOut, Options, exporter_named
from flywheel_tui.stages.export.split import Splitter
from flywheel_tui.stages.tiers import weights_of
from flywheel_tui.stages.train.options import DataPlan, TrainOptions
from flywheel_tui.store import training
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.export_rows import Columns, ExportRow, add_preferences, read_rows, sources_of
from flywheel_tui.store.lineage_groups import merged_groups
from flywheel_tui.store.selections import judge_run_id, select_pairs, where_of
from flywheel_tui.store.tiers import tiers_of

if TYPE_CHECKING:
    from flywheel_tui.records.task import Task
    from flywheel_tui.stages.train.models import BaseModel
    from flywheel_tui.workspace import Workspace

FORMATS = {"sft": "chatml", "dpo": "dpo", "kto": "kto"}
ACCEPTED = "label in ['approved', 'edited']"
DEFAULT_WHERE = {"sft": ACCEPTED, "dpo": ACCEPTED, "kto": f"{ACCEPTED} or label == 'rejected' and kind != 'kto'"}
TRAIN_FILE, HELD_OUT_FILE = "train.jsonl", "held-out.jsonl"
SAMPLED_ROWS = 2_000
MARKS_OF_A_MESSAGE = 5
CHARACTERS_OF_A_TOKEN = 3.5
_HELD = "held-out"


class Record(NamedTuple):
    """A row for the trainer, and how often it stands in an epoch (1 for SFT, where the loss is weighted instead)."""

    row: dict[str, Any]
    part: str
    tier: str
    times: int


def prepare(
    workspace: Workspace, options: TrainOptions, base: BaseModel, folder: Path | None, task: Task | None = None
) -> DataPlan:
    """Count what would be trained on; with `folder`, also write it there (train.jsonl, held-out.jsonl).

    Raises UsageError where nothing is left to train on, NotFoundError, ExpressionError.
    """
    source = _Source(workspace, options, base)
    counter = _Tokens(base, options.max_length)
    parts: Counter[str] = Counter()
    tiers: Counter[str] = Counter()
    examples = 0
    with ExitStack() as stack:
        files = _open_files(stack, folder)
        for record in source.records(task):
            parts[record.part] += 1
            tiers[record.tier] += record.part != _HELD
            examples += record.times if record.part != _HELD else 0
            counter.look(record.row)
            if file := files.get(record.part):
                file.write((msgspec.json.encode(record.row) + b"\n") * record.times)
    if not examples:
        raise UsageError(_nothing(options, source))
    tokens, truncated = counter.of(examples)
    return DataPlan(
        snapshot_hash=source.hash.hexdigest(), matched=source.matched, train=parts["train"],
        held_out=parts[_HELD], tokens=tokens, tokens_counted=counter.exact, truncated=truncated,
        conversations=counter.conversations, several_answers=counter.several_answers,
        tiers={name: count for name, count in tiers.items() if name}, left_out=dict(source.left.most_common()),
        examples=examples,
    )  # fmt: skip


def condition(options: TrainOptions) -> str:
    """The expression that chooses the pairs."""
    return options.where or DEFAULT_WHERE[options.method]


def _open_files(stack: ExitStack, folder: Path | None) -> dict[str, BinaryIO]:
    if folder is None:
        return {}
    names = {"train": TRAIN_FILE, _HELD: HELD_OUT_FILE}
    return {part: stack.enter_context((folder / name).open("wb")) for part, name in names.items()}


def _nothing(options: TrainOptions, source: _Source) -> str:
    why = "; ".join(f"{count:,} × {reason}" for reason, count in source.left.most_common(3))
    told = f" ({why})" if why else ""
    return (
        f"no pair of {options.dataset} is left to train on: {source.matched:,} match {condition(options)}{told};"
        " label some, or choose others with --where"
    )


class _Source:
    """The rows of one run, as they stand now."""

    def __init__(self, workspace: Workspace, options: TrainOptions, base: BaseModel) -> None:
        self.connection = workspace.store.read()
        self.options, self.base = options, base
        self.dataset = get_dataset(self.connection, options.dataset)
        self.run_id = judge_run_id(self.connection, self.dataset.id, options.tag) if options.tag else None
        self.weights = weights_of(options.tiers)
        chosen = exporter_named(FORMATS[options.method])
        self.exporter: Exporter = chosen(Options(), sources_of(self.connection, self.dataset.id))
        held = options.held_out
        self.splitter = Splitter({"train": 1 - held, _HELD: held}, options.seed) if held else None
        self.merged = merged_groups(self.connection, self.dataset.id) if held else {}
        self.hash, self.matched = sha256(), 0
        self.left: Counter[str] = Counter()

    def records(self, task: Task | None) -> Iterator[Record]:
        """Every row, in the order of the data set."""
        where = where_of(parse(condition(self.options)), self.run_id)
        selection = select_pairs(self.connection, self.dataset.id, where)
        self.matched = len(selection)
        columns = Columns(True, True, self.run_id)
        done = 0
        for chunk in selection.chunks():
            rows = read_rows(self.connection, chunk, columns)
            if "preferences" in self.exporter.wants:
                add_preferences(self.connection, rows)
            self.hash.update(b"".join([row.hash for row in rows]))
            tiers = tiers_of(self.connection, [row.id for row in rows]) if self.weights is not None else {}
            for row in rows:
                tier = (tiers[row.id].tier or "") if tiers else ""
                if record := self._record(row, tier):
                    yield record
            done += len(rows)
            if task is not None:
                task.progress(done, len(selection), "choosing")
                task.check()

    def _record(self, row: ExportRow, tier: str) -> Record | None:
        weight = 1.0 if self.weights is None else self.weights.get(tier, 0.0)
        if weight <= 0:
            self.left[f"weighs nothing (its tier is {tier or 'not known'})"] += 1
            return None
        if row.kind not in self.exporter.kinds:
            self.left[f"is of kind {row.kind}, which {self.options.method} does not take"] += 1
            return None
        made = self.exporter.convert(row)
        if type(made) is not LeftOut:
            made = self._shaped(made)
        if type(made) is LeftOut:
            self.left[made.reason] += 1
            return None
        assert row.group is not None
        part = self.splitter.part(self.merged.get(row.group, row.group)) if self.splitter else "train"
        shaped: dict[str, Any] = {"uid": row.uid, **made}
        if part == _HELD:
            return Record(shaped, part, tier, 1)
        if self.options.method == "sft":
            return Record(shaped | {"weight": weight}, part, tier, 1)
        times = int(weight) + (_point(self.options.seed, row.raw_uid) < weight % 1)
        if not times:
            self.left["was not drawn (its weight is its chance)"] += 1
            return None
        return Record(shaped, part, tier, times)

    def _shaped(self, made: dict[str, Any]) -> Any:
        """The export's record as the worker takes it: messages where the model has a chat template, else texts."""
        if self.options.method == "sft":
            return _conversation(made) if self.base.chat_template else _text(made)
        if not self.base.chat_template:
            if any(isinstance(value, list) for value in made.values()):
                return LeftOut("is a conversation, and the model has no chat template")
            return made
        roles = {"prompt": "user", "chosen": "assistant", "rejected": "assistant", "completion": "assistant"}
        return {
            name: [{"role": roles[name], "content": value}] if name in roles and isinstance(value, str) else value
            for name, value in made.items()
        }


def _conversation(made: dict[str, Any]) -> Any:
    messages = made["messages"]
    if not any(message.get("role") != "assistant" for message in messages):
        return LeftOut("has an answer without a request")
    # as text: rows of one file may have tools of many shapes
    return {"messages": messages} | ({"tools": made["tools"]} if made.get("tools") else {})


def _text(made: dict[str, Any]) -> Any:
    messages = made["messages"]
    if len(messages) != 2 or made.get("tools"):
        return LeftOut("is a conversation, and the model has no chat template")
    return {"prompt": f"{messages[0]['content']}\n\n", "completion": str(messages[1]["content"])}


def _point(seed: int, uid: bytes) -> float:
    """A number of [0, 1) for a row, the same for a seed."""
    return int.from_bytes(blake2b(uid, digest_size=8, key=f"draw:{seed}".encode()).digest(), "big") / 2.0**64


class _Tokens:
    """Counts tokens: of the first rows exactly, with the model's tokenizer, of the rest by the mean of these."""

    def __init__(self, base: BaseModel, limit: int) -> None:
        self._limit, self._encode = limit, _tokenizer(base)
        self.exact = self._encode is not None
        self.conversations = self.several_answers = self._rows = self._tokens = self._cut = 0

    def look(self, row: dict[str, Any]) -> None:
        messages = row.get("messages")
        if messages:
            self.conversations += len(messages) > 2
            self.several_answers += sum(message.get("role") == "assistant" for message in messages) > 1
        if self._rows >= SAMPLED_ROWS:
            return
        texts = [text for name, value in row.items() if name not in ("uid", "weight") for text in _texts(value)]
        count = self._count("\n".join(texts)) + MARKS_OF_A_MESSAGE * len(texts)
        if "chosen" in row:  # the prompt is read twice
            count += self._count("\n".join(_texts(row["prompt"])))
        self._rows += 1
        self._cut += count > self._limit
        self._tokens += min(count, self._limit * (2 if "chosen" in row else 1))

    def _count(self, text: str) -> int:
        if self._encode is None:
            return round(len(text) / CHARACTERS_OF_A_TOKEN)
        return len(self._encode.encode(text, add_special_tokens=False).ids)

    def of(self, examples: int) -> tuple[int, int]:
        """Tokens in so many rows, and how many of the rows are longer than the limit."""
        share = examples / max(1, self._rows)
        return round(self._tokens * share), round(self._cut * share)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [str(part.get("content") or "") for part in value if isinstance(part, dict)]
    return []


def _tokenizer(base: BaseModel) -> Any:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        return None
    file = base.path / "tokenizer.json"
    if not file.is_file():
        return None
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # its library raises the bare class
        raise UsageError(f"{file}: cannot be read ({str(error)[:200]}); fetch the model again") from None


def record_snapshot(workspace: Workspace, options: TrainOptions, data: DataPlan, run_id: int) -> int:
    """Write down what a run was made from; the snapshot's number."""
    from flywheel_tui.store.export_rows import add_snapshot

    with workspace.store.tx() as connection:
        dataset = get_dataset(connection, options.dataset)
        purpose = f"training run {run_id}"
        number = add_snapshot(connection, dataset.id, condition(options), data.matched, data.snapshot_hash, purpose)
        training.set_run(connection, run_id, snapshot_id=number)
    return number
