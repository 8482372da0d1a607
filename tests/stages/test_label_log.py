"""Labels in and out: exact, mergeable, and other tools' tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from factories import make_workspace, pair_ids, say, sft, statuses

from flywheel_tui.errors import InputError, NotFoundError, UsageError
from flywheel_tui.stages import label, label_log, label_table
from flywheel_tui.workspace import Workspace


def busy(workspace: Workspace) -> None:
    """Some of everything."""
    ids = pair_ids(workspace)
    say(workspace, ids[0], "approved", note="fine", tags=("x",), rating=4, answers={"q1": "YES"})
    say(workspace, ids[1], "edited", edit={"output": "better", "instruction": "clearer"})
    say(workspace, ids[1], "approved")
    label.apply_bulk(workspace, label.Bulk(pairs=ids[2:5], status="rejected", reviewer="bo", reasons=("style",)))
    say(workspace, ids[5], "skipped", flagged=True)
    label.undo_last(workspace, "ana")


def import_file(workspace: Workspace, path: Path, **options: Any) -> label_log.LogSummary:
    return label_log.import_log(workspace, label_log.read_log(path), file=str(path), **options)


def test_a_log_carries_everything_to_another_machine(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "one", sft(8)) as one, make_workspace(tmp_path / "two", sft(8)) as two:
        busy(one)
        log = tmp_path / "labels.jsonl"
        count = label_log.export_log(one, log)
        assert log.stat().st_mode & 0o777 == 0o600
        summary = import_file(two, log)
        assert (summary.read, summary.added, summary.refused) == (count, count, {})
        assert statuses(two, pair_ids(two)) == statuses(one, pair_ids(one))
        edited = (
            "SELECT p.output, p.instruction FROM pair_current c JOIN pair p ON p.id = c.pair_id WHERE c.position = 2"
        )
        assert two.store.read().execute(edited).fetchone() == ("better", "clearer")
        assert import_file(two, log).added == 0
        back = tmp_path / "back.jsonl"
        label_log.export_log(two, back)
        assert sorted(back.read_text().splitlines()) == sorted(log.read_text().splitlines())


def test_undoing_a_batch_of_another_machine_travels_too(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "one", sft(5)) as one, make_workspace(tmp_path / "two", sft(5)) as two:
        label.apply_bulk(one, label.Bulk(pairs=pair_ids(one), status="approved", reviewer="ana"))
        label_log.merge_workspace(two, one)
        assert set(statuses(two, pair_ids(two))) == {"approved"}
        label.undo_last(one, "ana")
        label_log.merge_workspace(two, one)
        assert set(statuses(two, pair_ids(two))) == {"open"}


def test_what_cannot_be_placed_is_counted_by_reason(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "one", sft(3)) as one, make_workspace(tmp_path / "two", sft(2)) as two:
        for pair in pair_ids(one):
            say(one, pair, "approved")
        log = tmp_path / "labels.jsonl"
        label_log.export_log(one, log)
        summary = import_file(two, log)
        assert summary.added == 2
        assert list(summary.refused.values()) == [1]
        assert "ingest the same file first" in next(iter(summary.refused))
        with pytest.raises(NotFoundError, match="nope"):
            import_file(two, log, dataset="nope")


@pytest.mark.parametrize(
    "line",
    [
        "{", "[]", '{"type": "poem"}', '{"type": "event", "uid": 3, "dataset": "demo", "reviewer": "ana"}',
        '{"type": "event", "uid": "short", "dataset": "demo", "reviewer": "a", "action": "label", "answered": 1}',
        '{"type": "event", "uid": "01M7YN52MWG9Q7787S2MXCZGBM", "dataset": "demo", "reviewer": "a"}',
    ],
)  # fmt: skip
def test_a_damaged_log_names_the_line_and_keeps_what_came_before(tmp_path: Path, line: str) -> None:
    with make_workspace(tmp_path / "one", sft(1)) as one, make_workspace(tmp_path / "two", sft(1)) as two:
        say(one, pair_ids(one)[0], "approved")
        log = tmp_path / "labels.jsonl"
        label_log.export_log(one, log)
        with log.open("a") as file:
            file.write(line + "\n")
        with pytest.raises(InputError, match=r"labels\.jsonl:2: "):
            import_file(two, log)


def table(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_another_tools_table(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(3)) as workspace:
        path = table(tmp_path / "t.csv", "n,verdict,by,why\n1,good,zoe,clear\n2,bad,zoe,\n9,good,zoe,\n")
        columns = {"pair": "n", "status": "verdict", "reviewer": "by", "note": "why"}
        options = label_table.TableOptions(dataset="demo", columns=columns, match="position", source="human")
        summary = label_table.import_table(workspace, path, options)
        assert (summary.read, summary.added, sum(summary.refused.values())) == (3, 2, 1)
        assert statuses(workspace, pair_ids(workspace)) == ["approved", "rejected", "open"]
        assert label_table.import_table(workspace, path, options).added == 0
        shown = label.labels_of(workspace, pair_ids(workspace)[0])[0]
        assert (shown.reviewer, shown.note, shown.source) == ("zoe", "clear", "human")


def test_a_table_with_odd_words_or_columns_is_refused_with_the_place(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(2)) as workspace:
        path = table(tmp_path / "t.csv", "n,verdict\n1,good\n2,sublime\n")
        columns = {"pair": "n", "status": "verdict"}
        with pytest.raises(InputError, match=r"t\.csv:3: field 'status': 'sublime'"):
            label_table.import_table(
                workspace, path, label_table.TableOptions(dataset="demo", columns=columns, reviewer="zoe")
            )
        for bad, message in (
            ({"columns": columns}, "who labelled"),
            ({"columns": {"pair": "n"}, "reviewer": "z"}, "--map names the column"),
            ({"columns": columns | {"colour": "c"}, "reviewer": "z"}, "no label field 'colour'"),
            ({"columns": columns, "reviewer": "z", "match": "colour"}, "cannot match by"),
        ):
            with pytest.raises(UsageError, match=message):
                label_table.import_table(workspace, path, label_table.TableOptions(dataset="demo", **bad))  # type: ignore[arg-type]


@pytest.mark.shared
def test_preference_labels_of_three_people(shared_data: Path, tmp_path: Path) -> None:
    from flywheel_tui.stages.ingest import IngestOptions, ingest

    file = shared_data / "pandalm" / "testset-v1.json"
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        ingest(workspace, IngestOptions(source=str(file), name="pandalm"))
        for number in (1, 2, 3):
            options = label_table.TableOptions(
                dataset="pandalm", columns={"pair": "idx", "preference": f"annotator{number}"}, match="meta.idx",
                reviewer=f"annotator{number}", source="human",
            )  # fmt: skip
            assert label_table.import_table(workspace, str(file), options).added == 999
        rows = json.loads(file.read_text())
        words = {0: "tie", 1: "a", 2: "b"}
        stored = workspace.store.read().execute(
            "SELECT json_extract(p.meta, '$.idx'), l.preference FROM label_current l JOIN pair p ON p.id = l.root_id"
            " WHERE l.reviewer = 'annotator2'"
        )
        assert dict(stored.fetchall()) == {row["idx"]: words[row["annotator2"]] for row in rows}
