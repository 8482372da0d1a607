"""`glyphs = "ascii"`: what the shell draws is ASCII, what people wrote stays as it is."""

from __future__ import annotations

from pathlib import Path

from pilots import press, sees, shown

from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.stages.setup import make_workspace
from flywheel_tui.workspace import Workspace
from screens.app import FlywheelApp


async def test_ascii_is_ascii_in_the_shell_and_leaves_the_words_of_pairs_alone(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "work")
    row = '{"instruction": "Say it – at once →", "output": "It is … said."}\n'
    (tmp_path / "rows.jsonl").write_text(row, encoding="utf-8")
    ingest(workspace, IngestOptions(source=str(tmp_path / "rows.jsonl"), name="mine"))
    (tmp_path / "work" / "flywheel.toml").write_text('glyphs = "ascii"\n', encoding="utf-8")
    with Workspace.open(tmp_path / "work") as opened:
        app = FlywheelApp(opened, dataset="mine", reviewer="ana", start="datasets", worker=False)
        async with app.run_test(size=(80, 24)) as pilot:
            await sees(pilot, "mine")
            for keys in ((), ("question_mark",), ("escape", "x"), ("escape", "J"), ("escape", "N"), ("escape", "g")):
                await press(pilot, *keys)
                assert not (odd := {sign for sign in shown(pilot) if not sign.isascii()}), (keys, odd)
            await press(pilot, "b")
            await sees(pilot, "Say it – at once →")
            text = shown(pilot).replace("Say it – at once →", "").replace("It is … said.", "")
            assert text.isascii(), {sign for sign in text if not sign.isascii()}
