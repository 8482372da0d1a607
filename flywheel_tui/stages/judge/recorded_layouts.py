"""Files of recorded judgments that are known by their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flywheel_tui.records.judgment import A_FIRST, B_FIRST
from flywheel_tui.stages import said
from flywheel_tui.stages.judge.recorded_places import Place, RawRow, answers_finder, models_finder
from flywheel_tui.stages.judge.recorded_rows import (
    Half,
    Told,
    failed,
    leaning,
    mapped,
    one_choice,
    turn,
    two_orders,
    unread,
)
from flywheel_tui.store import pair_keys
from flywheel_tui.store.connection import Connection
from flywheel_tui.store.pair_keys import Found
from flywheel_tui.store.pair_sides import sides_finder

Read = Callable[[Sequence[RawRow]], Iterator[Told]]
_NOBODY = unread("")


class Known(NamedTuple):
    """A layout that was recognised: its name, who judged, how it is read, and what a person should know of it."""

    name: str
    model: str
    read: Read
    remarks: tuple[str, ...] = ()


class Asked(NamedTuple):
    """What a layout needs to know about the import."""

    connection: Connection
    dataset_id: int
    file: str
    orders: str = "agree"
    pass_at: float | None = None


def recognised(first: RawRow, asked: Asked) -> Known | None:
    """The known layout that a row has, if there is one."""
    for knows in (_llmbar, _judgebench, _fastchat_pairs, _fastchat_single, _alpaca_eval, _scored_pairs, _pandalm):
        if (known := knows(first, asked)) is not None:
            return known
    return None


def unwrapped(rows: Sequence[RawRow]) -> Sequence[RawRow]:
    """The judgments themselves: out of promptfoo's `results.results`, or out of one object of columns."""
    if len(rows) != 1:
        return rows
    inner: Any = rows[0].get("results")
    if isinstance(inner, dict) and isinstance(inner.get("results"), list):
        return [row for row in inner["results"] if isinstance(row, dict)]
    columns = {name: values for name, values in rows[0].items() if isinstance(values, list)}
    lengths = {len(values) for values in columns.values()}
    if len(columns) > 1 and len(lengths) == 1 and "id" in columns and not any(
        isinstance(value, dict | list) for values in columns.values() for value in values[:1]
    ):  # fmt: skip
        return [{name: values[at] for name, values in columns.items()} for at in range(lengths.pop())]
    return rows


def _told(place: Place, judged: Any) -> Told:
    return Told(place.pair, judged, strange=place.turned is None)


# -- the layouts


def _llmbar(first: RawRow, asked: Asked) -> Known | None:
    """Both orders: `winner` names the output by its number in the file, whichever was shown first."""
    if not isinstance(first.get("results"), list) or "output_1" not in first:
        return None
    path = Path(asked.file)
    # …/evaluators/GPT-4/Vanilla/result.json: the names of the folders say who judged and how
    model = "-".join(path.parts[-3:-1]) if path.name == "result.json" else path.stem
    place = answers_finder(asked.connection, asked.dataset_id, "", "input")

    def read(rows: Sequence[RawRow]) -> Iterator[Told]:
        for row in rows:
            where = place(row)
            last = row["results"][-1] if row.get("results") else {}
            halves = []
            for swapped in (False, True):
                told = last.get(f"swap = {swapped}") if isinstance(last, dict) else None
                if told is not None:
                    winner = said.choice(told.get("winner")) if isinstance(told, dict) else None
                    order = A_FIRST if swapped == bool(where.turned) else B_FIRST
                    halves.append((order, Half(turn(winner, where.turned), _completion(told), told)))
            yield _told(where, two_orders(halves, asked.orders) if where.pair else _NOBODY)

    return Known("llmbar", model, read)


def _completion(told: Any) -> str:
    text = told.get("completion") if isinstance(told, dict) else None
    return str(text[0] if isinstance(text, list) and text else text or "")


def _judgebench(first: RawRow, asked: Asked) -> Known | None:
    """Both orders: each decision names the answers by the place in which they were shown, so the second is turned."""
    if not isinstance(first.get("judgments"), list) or said.answers_of(first) is None:
        return None
    model = str(first.get("judge_model") or first.get("judge_name") or Path(asked.file).stem)
    place = answers_finder(asked.connection, asked.dataset_id, "pair_id", "question")

    def read(rows: Sequence[RawRow]) -> Iterator[Told]:
        for row in rows:
            where = place(row)
            halves = []
            for at, told in enumerate((row.get("judgments") or [])[:2]):
                shown = told.get("decision") if isinstance(told, dict) else None
                turned = bool(where.turned) != bool(at)
                halves.append(
                    (B_FIRST if turned else A_FIRST, Half(turn(said.choice(shown), turned), _reply(told), told))
                )
            yield _told(where, two_orders(halves, asked.orders) if where.pair else _NOBODY)

    return Known("judgebench", model, read)


def _reply(told: Any) -> str:
    judgment = told.get("judgment") if isinstance(told, dict) else None
    text = judgment.get("response") if isinstance(judgment, dict) else judgment
    return text if isinstance(text, str) else ""


def _fastchat_pairs(first: RawRow, asked: Asked) -> Known | None:
    """MT-bench: `g1_winner` and `g2_winner` of two orders, or one `winner` of model_a and model_b."""
    both = "g1_winner" in first and "g2_winner" in first
    names = ("model_1", "model_2") if "model_1" in first else ("model_a", "model_b")
    if not (both or "winner" in first) or any(name not in first for name in names):
        return None
    by_models = models_finder(asked.connection, asked.dataset_id, asked.file, names) if "question_id" in first else None
    by_answers = answers_finder(asked.connection, asked.dataset_id, "", "question") if by_models is None else None

    def place(row: RawRow) -> Place:
        if by_answers is not None:
            return by_answers(row)
        assert by_models is not None
        found, turned = by_models(row)
        return Place((found.id, found.version) if found else None, turned)

    def read(rows: Sequence[RawRow]) -> Iterator[Told]:
        for row in rows:
            where = place(row)
            if where.pair is None:
                yield Told(None, _NOBODY)
            elif both:
                halves = []
                for at, game in enumerate(("g1", "g2")):
                    winner = turn(said.choice(row.get(f"{game}_winner")), where.turned)
                    order = A_FIRST if bool(where.turned) == bool(at) else B_FIRST
                    halves.append(
                        (order, Half(winner, str(row.get(f"{game}_judgment") or ""), row.get(f"{game}_winner")))
                    )
                yield _told(where, two_orders(halves, asked.orders))
            else:
                winner = turn(said.choice(row.get("winner")), where.turned)
                yield _told(where, one_choice(Half(winner, "", row.get("winner"))))

    return Known("fastchat", _judge_named(first.get("judge"), asked), read)


def _judge_named(judge: Any, asked: Asked) -> str:
    if isinstance(judge, list):
        return "-".join(map(str, judge))
    return str(judge or Path(asked.file).stem)


def _fastchat_single(first: RawRow, asked: Asked) -> Known | None:
    """MT-bench's single answers, scored from 1 to 10; -1 says that the score could not be read."""
    if not {"question_id", "model", "score", "judgment"} <= set(first):
        return None
    names = pair_keys.known_meta(asked.connection, asked.dataset_id, ["question_id", "model", "turn"])
    find = pair_keys.finder_by_meta(asked.connection, asked.dataset_id, names)
    line = 7.0 if asked.pass_at is None else asked.pass_at

    def read(rows: Sequence[RawRow]) -> Iterator[Told]:
        for row in rows:
            elsewhere = "turn" not in names and row.get("turn", 1) not in (1, "1")
            found = None if elsewhere or not names else find([row.get(name) for name in names])
            number = said.score(row.get("score"))
            pair = (found.id, found.version) if found else None
            if number is None or number < 0:
                yield Told(pair, unread(row.get("score"), str(row.get("judgment") or "")))
            else:
                told = {"score": number, "rationale": str(row.get("judgment") or "")}
                yield Told(pair, mapped(told, {"score": "score", "rationale": "rationale"}, line, None, False))

    return Known("fastchat", _judge_named(first.get("judge"), asked), read, (f"scores of {line:g} and more pass",))


def _alpaca_eval(first: RawRow, asked: Asked) -> Known | None:
    """One order: `preference` from 1 (output_1) to 2 (output_2), 1.5 a tie; null could not be read."""
    if "preference" not in first or "annotator" not in first or said.answers_of(first) is None:
        return None
    place = answers_finder(asked.connection, asked.dataset_id, "", "instruction")

    def read(rows: Sequence[RawRow]) -> Iterator[Told]:
        for row in rows:
            where, value = place(row), row.get("preference")
            raw, number = row.get("raw_completion"), said.score(row.get("preference"))
            words = raw if isinstance(raw, str) else ""
            if number is not None and 1 <= number <= 2:
                yield _told(where, leaning(number, words, bool(where.turned)))
            else:
                yield _told(where, one_choice(Half(turn(said.choice(value), where.turned), words, raw or value)))

    return Known("alpaca_eval", str(first.get("annotator") or Path(asked.file).stem), read)


_SCORES = (("score_chosen", "score_rejected"), ("chosen_score", "rejected_score"), ("chosen_reward", "rejected_reward"),
           ("reward_chosen", "reward_rejected"))  # fmt: skip


def _scored_pairs(first: RawRow, asked: Asked) -> Known | None:
    """Reward models: the answer with the higher score is preferred, equal scores are a tie."""
    columns = next((pair for pair in _SCORES if set(pair) <= set(first)), None)
    if columns is None:
        return None
    sides = sides_finder(asked.connection, asked.dataset_id)
    key = next(iter(pair_keys.known_meta(asked.connection, asked.dataset_id, ["id", "pair_id", "idx"])), None)
    find = pair_keys.finder_by_meta(asked.connection, asked.dataset_id, [key]) if key and key in first else None

    def read(rows: Sequence[RawRow]) -> Iterator[Told]:
        for row in rows:
            if find is not None:
                found: Any = find([row.get(str(key))])
            else:
                found = sides(*(str(row.get(name)) for name in ("prompt", "chosen", "rejected")))
            one, two = (said.score(row.get(name)) for name in columns)
            raw = {name: row.get(name) for name in columns}
            choice = None if one is None or two is None else "tie" if one == two else "a" if one > two else "b"
            turned = bool(getattr(found, "turned", False))
            yield Told((found.id, found.version) if found else None, one_choice(Half(turn(choice, turned), "", raw)))

    return Known("reward_bench", str(first.get("model") or Path(asked.file).stem), read)


def _pandalm(first: RawRow, asked: Asked) -> Known | None:
    """1 and 2 are the answers as they stand in the pair, 0 or Tie is a tie; anything else could not be read."""
    column = next((name for name in first if name.endswith("_result")), None)
    if "idx" not in first or column is None:
        return None
    find = pair_keys.finder(asked.connection, asked.dataset_id, "meta.idx")
    reason = f"{column.removesuffix('_result')}_reason"

    def read(rows: Sequence[RawRow]) -> Iterator[Told]:
        for row in rows:
            pair, words = find(row.get("idx")), str(row.get(reason) or "")
            half = Half(said.choice(row.get(column)), words, row.get(column))
            yield Told((pair.id, pair.version) if pair else None, one_choice(half))

    return Known("pandalm", Path(asked.file).stem.removesuffix("-testset-v1"), read)


def promptfoo(rows: Sequence[RawRow], asked: Asked, match: str) -> Known | None:
    """A run of promptfoo: `success` decides; a test that ended in an error is no verdict. Pairs by a variable `id` (or
    `uid`, `idx`, `pair`), else by the variable that holds the request.
    """
    first = rows[0]
    if "success" not in first or not isinstance(first.get("vars"), dict):
        return None
    variables = first["vars"]
    key = next((name for name in ("id", "uid", "idx", "pair") if name in variables), None)
    if key is None:
        finder, keys = pair_keys.finder(asked.connection, asked.dataset_id, "instruction"), list(variables)
    elif match == "id" and pair_keys.known_meta(asked.connection, asked.dataset_id, [key]):
        finder, keys = pair_keys.finder(asked.connection, asked.dataset_id, f"meta.{key}"), [key]
    else:
        finder, keys = pair_keys.finder(asked.connection, asked.dataset_id, match), [key]

    def read(rows: Sequence[RawRow]) -> Iterator[Told]:
        for row in rows:
            values = row.get("vars") or {}
            found: Found | None = next((hit for name in keys if (hit := finder(values.get(name)))), None)
            pair = (found.id, found.version) if found else None
            grading = row.get("gradingResult") or {}
            if row.get("failureReason") == 2 or (row.get("error") and not grading):
                yield Told(pair, failed(f"promptfoo could not run it: {row.get('error') or 'error'}"))
            else:
                told = {"passed": row.get("success"), "score": grading.get("score", row.get("score")),
                        "rationale": grading.get("reason")}  # fmt: skip
                columns = {name: name for name in told if told[name] is not None}
                yield Told(pair, mapped(told, columns, 0.0, None, False))

    provider = first.get("provider")
    name = provider.get("label") or provider.get("id") if isinstance(provider, dict) else None
    return Known("promptfoo", str(name or Path(asked.file).stem), read)
