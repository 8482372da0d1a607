"""The engine: rows with their lineage, nothing twice, budgets, teachers mixed, stops that say why."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from factories import make_workspace
from generate_helpers import answering, phrase, plausible, rejected, rows, run, seeds, use_teacher

from flywheel_tui.errors import Cancelled, ConflictError, UsageError
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Request
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.alone import alone_at
from flywheel_tui.stages.generate.asking import Ask
from flywheel_tui.stages.generate.engine import GeneratePaused, TeacherFailed
from flywheel_tui.stages.generate.options import GenerateOptions
from flywheel_tui.stages.generate.recipe import RECIPES, Item, Made, Parent, Recipe, Seed, load_recipes
from flywheel_tui.stages.generate.run import announce, generate
from flywheel_tui.stages.judge.steer import steer
from flywheel_tui.stages.lineage import trace
from flywheel_tui.store import jobs
from flywheel_tui.workspace import Workspace

OURS = ("qa", "instruction", "reasoning", "creative", "self-instruct", "evol-instruct", "from-taxonomy", "cold-start")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", seeds())


@pytest.mark.parametrize("recipe", OURS)
@pytest.mark.parametrize("backend", ["scripted", "offline"])
def test_every_recipe_makes_rows(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, recipe: str, backend: str
) -> None:
    if backend == "scripted":
        use_teacher(monkeypatch, plausible)
    report = run(workspace, recipe, count=8, backend=backend, seeds="" if recipe == "from-taxonomy" else "demo")
    made = [row for row in rows(workspace) if row["meta"]]
    assert (report.made, report.new, len(made), report.failed) == (8, 8, 8, {})
    for row in made:
        meta = row["meta"]
        assert (meta["recipe"], meta["params"]["seed"]) == (recipe, 0)
        assert meta["depth"] == 1 or (recipe == "self-instruct" and meta["machine"] and meta["depth"] <= 3)
        assert "@1" in meta["template"] and meta["teacher"].startswith(backend)
        assert ("offline" in row["tags"]) == (backend == "offline") == ("offline" in meta)
        assert row["instruction"] and row["output"] and row["kind"] == load_recipes()[recipe].kind


def test_a_row_leads_back_to_its_seed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_teacher(monkeypatch, plausible)
    run(workspace, "evol-instruct", count=1)
    first = rows(workspace)[0]
    story = trace(workspace, str(first["id"]))
    (seed,) = story.ancestors
    assert (seed.dataset, seed.relation, seed.recipe, seed.depth) == ("demo", "evolved", "evol-instruct", 0)
    assert seed.template == first["meta"]["template"] and seed.params["operator"] == first["meta"]["operator"]
    assert first["meta"]["root"] == seed.uid
    run(workspace, "evol-instruct", seeds="made", into="again", count=1)
    second = rows(workspace, "again")[0]
    assert second["meta"]["depth"] == 2 and second["family"] == first["family"]
    chain = trace(workspace, str(second["id"])).ancestors[0]
    assert chain.depth == 1 and chain.beyond[0].uid == seed.uid


def test_seeds_three_generations_away_are_no_seeds(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_teacher(monkeypatch, plausible)
    source = "demo"
    for number in (1, 2, 3):
        run(workspace, "evol-instruct", seeds=source, into=f"g{number}", count=1)
        source = f"g{number}"
    assert rows(workspace, "g3")[0]["meta"]["depth"] == 3
    with pytest.raises(UsageError, match="three generations from real data"):
        run(workspace, "evol-instruct", seeds="g3", into="g4", count=1)


def test_the_same_command_again_makes_nothing_and_a_larger_count_only_the_rest(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = use_teacher(monkeypatch, plausible)
    run(workspace, "qa", count=6)
    before, asked = rows(workspace), len(teacher.requests)
    report = run(workspace, "qa", count=6)
    assert (report.made, report.new, report.calls, len(teacher.requests)) == (6, 0, 0, asked)
    run(workspace, "qa", count=9)
    assert [row["uid"] for row in rows(workspace)][:6] == [row["uid"] for row in before]
    assert len(rows(workspace)) == 9
    run(workspace, "qa", count=9, seed=1)
    assert len(rows(workspace)) == 18, "another seed makes other rows beside them"


def test_the_set_of_items_does_not_hang_on_the_number_of_calls_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def every_third_is_off(request: Request) -> str:
        return "no object" if (request.seed or 0) % 3 == 0 else plausible(request)

    found = []
    for calls in (1, 2, 9):
        workspace = make_workspace(tmp_path / f"w{calls}", seeds())
        use_teacher(monkeypatch, every_third_is_off, seconds=0.001)
        run(workspace, "qa", count=20, concurrency=calls)
        read = workspace.store.read()
        items = {key for (key,) in read.execute("SELECT key FROM job_item")}
        found.append((items, {row["instruction"] for row in rows(workspace)}, rejected(workspace)["malformed"]))
        workspace.close()
    assert found[0] == found[1] == found[2]
    assert len(found[0][1]) == 20 and found[0][2] > 0


def test_malformed_answers_are_asked_once_more_then_counted_never_written(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = use_teacher(monkeypatch, lambda request: '{"question": 1}' if len(teacher.requests) <= 6 else plausible(request))  # fmt: skip  # noqa: E501
    report = run(workspace, "qa", count=4, concurrency=1)
    assert report.rejected == {"malformed": 3} == dict(rejected(workspace))
    assert len(rows(workspace)) == 4
    assert "cannot be used" in teacher.requests[1].messages[-1].content
    text = workspace.store.read().execute("SELECT text FROM item_rejected LIMIT 1").fetchone()[0]
    assert text == '{"question": 1}'
    assert workspace.store.read().execute("SELECT count(*) FROM response_cache").fetchone() == (4,)


def test_answers_that_were_cut_off_or_empty_are_rejected(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from flywheel_tui.llm.protocol import Reply

    def cut(request: Request) -> Reply | str:
        if request.schema is not None:
            return plausible(request)
        number = len(teacher.requests)
        reason: Any = "length" if number <= 2 else "stop"
        text = "   " if 2 < number <= 4 else plausible(request)
        return Reply(text=text, finish_reason=reason, tokens_in=1, tokens_out=1, model="m", backend="scripted", latency_ms=1)  # fmt: skip  # noqa: E501

    teacher = use_teacher(monkeypatch, cut)
    report = run(workspace, "instruction", count=3, concurrency=1)
    assert report.rejected == {"cut_off": 1, "empty": 1}


def test_the_same_row_is_written_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = iter([*["the same thing"] * 3, *[phrase(number) for number in range(50)]])
    use_teacher(monkeypatch, answering(problem=lambda _: next(texts), steps=["a", "b"], final="4"))
    report = run(workspace, "reasoning", count=4, concurrency=1)
    assert report.rejected == {"duplicate": 2} and len({row["uid"] for row in rows(workspace)}) == 4


def test_teachers_are_mixed(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_teacher(monkeypatch, plausible)
    report = run(workspace, "qa", count=9, models=("one", "scripted:two", "three"))
    assert report.teachers == {"scripted:one": 3, "scripted:two": 3, "scripted:three": 3}
    assert {row["meta"]["teacher"] for row in rows(workspace)} == set(report.teachers)


def test_a_budget_pauses_and_the_job_goes_on_when_it_is_raised(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_teacher(monkeypatch, plausible)
    with pytest.raises(GeneratePaused, match="the budget is spent") as stopped:
        run(workspace, "qa", count=30, budget_tokens=5_000)
    assert stopped.value.report is not None and 0 < stopped.value.report.new < 30
    (job,) = jobs.list_jobs(workspace.store)
    spent = stopped.value.report.tokens_in + stopped.value.report.tokens_out
    assert job.state == "paused" and spent <= 5_000
    steer(workspace, job.id, budget_tokens=1_000_000)
    monkeypatch.undo()
    use_teacher(monkeypatch, plausible)
    run(workspace, "qa", count=30)
    assert len(rows(workspace)) == 30


def test_a_money_budget_needs_a_price(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_teacher(monkeypatch, plausible).place = "models.example"
    with pytest.raises(UsageError, match=r"no price is known for scripted:m.*prices\.toml"):
        run(workspace, "qa", budget_usd=1.0)


def test_most_items_failing_stops_the_job_and_says_by_what(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_teacher(monkeypatch, lambda request: "never an object")
    with pytest.raises(GeneratePaused, match=r"40 of the last 40 items made nothing, mostly malformed \(40\)"):
        run(workspace, "qa", count=500)
    assert rows(workspace) == []


def test_faults_of_the_service_leave_their_items_open(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def hurt(request: Request) -> str | BackendFault:
        if (request.seed or 0) % 4 == 0:
            return BackendFault("content_filter", "made for the test")
        return plausible(request)

    use_teacher(monkeypatch, hurt)
    report = run(workspace, "qa", count=10)
    assert report.made == 10 and report.failed["content_filter"] > 0 and not report.rejected
    monkeypatch.undo()
    use_teacher(monkeypatch, plausible)
    again = run(workspace, "qa", count=10 + report.failed["content_filter"])
    assert again.new == report.failed["content_filter"], "exactly the items that had failed"


def test_a_refused_key_pauses_at_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = use_teacher(monkeypatch, lambda request: BackendFault("auth", "the key is refused"))
    with pytest.raises(TeacherFailed, match="the key is refused"):
        run(workspace, "qa", count=50)
    assert len(teacher.requests) <= 3


def test_variety_that_falls_pauses_and_says_why(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def alike(request: Request) -> str:
        return f"Name the harbour of the amber island for traveller {request.seed}, " + phrase(5, 40)

    use_teacher(monkeypatch, answering(task=alike, text=f"It is the same harbour: {phrase(6, 60)}."))
    with pytest.raises(GeneratePaused, match=r"variety falls: \d+% of the pairs among the last 10 rows"):
        run(workspace, "evol-instruct", count=200, window=10)
    assert 10 <= len(rows(workspace)) < 40
    shown = json.loads(workspace.store.read().execute("SELECT live FROM job").fetchone()[0])
    assert shown["variety"][-1]["alike"] > 0.05, "a job that is taken up again knows its trend"
    report = run(workspace, "evol-instruct", count=60, window=10, watch=False, into="unwatched")
    assert report.made == 60


def test_a_preview_writes_no_row_and_is_not_paid_twice(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = use_teacher(monkeypatch, plausible)
    report = run(workspace, "qa", preview=3, count=100)
    assert len(report.preview) == 3 and report.price is not None and report.price.rows == 100
    read = workspace.store.read()
    assert read.execute("SELECT count(*) FROM dataset WHERE name = 'made'").fetchone() == (0,)
    assert read.execute("SELECT count(*) FROM job_item").fetchone() == (0,)
    asked = len(teacher.requests)
    real = run(workspace, "qa", count=3)
    assert (real.calls, real.hits, len(teacher.requests)) == (0, 3, asked)
    assert [row.instruction for row in report.preview] == [row["instruction"] for row in rows(workspace)]


def test_a_preview_of_which_nothing_comes_ends_soon(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = use_teacher(monkeypatch, answering(text=""))
    report = run(workspace, "instruction", preview=3, count=100, concurrency=8)
    assert (report.made, report.preview, sum(report.rejected.values())) == (0, (), 12), "four items for each row"
    assert len(teacher.requests) <= 24 and report.price is not None


def test_an_estimate_asks_nobody(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = use_teacher(monkeypatch, plausible)
    teacher.place = "models.example"
    options = announce(
        workspace, GenerateOptions(recipe="instruction", seeds="demo", count=1000, estimate=True)
    ).options
    report = generate(workspace, options)
    assert teacher.requests == [] and report.price is not None
    assert report.price.tokens_in > 100_000 and report.price.tokens_out == 450_000
    assert report.price.cost_usd is None, "no price is known for this teacher"
    (workspace.root / "prices.toml").write_text('["models.example"]\nm = { input = 1.0, output = 10.0 }\n')
    price = generate(workspace, options).price
    assert price is not None and price.cost_usd == pytest.approx(price.tokens_in / 1e6 + 4.5, rel=0.01)
    assert price.most_usd is not None and price.most_usd > price.cost_usd and teacher.requests == []


def test_concurrency_changes_while_it_runs_and_cancel_keeps_what_is_there(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_teacher(monkeypatch, plausible, seconds=0.03)
    highest: list[int] = []

    def watch() -> None:
        with Workspace.open(workspace.root) as other:
            while not (found := jobs.list_jobs(other.store)):
                time.sleep(0.02)
            steer(other, found[0].id, concurrency=7)
            for _ in range(120):
                time.sleep(0.03)
                row = other.store.read().execute("SELECT live FROM job").fetchone()
                highest.append(json.loads(row[0] or "{}").get("in_flight", 0))
                if max(highest) >= 6:
                    break
            jobs.cancel(other.store, found[0].id)

    thread = threading.Thread(target=watch)
    thread.start()
    with pytest.raises(Cancelled):
        run(workspace, "qa", count=5000, concurrency=1)
    thread.join()
    assert max(highest) >= 6 and len(rows(workspace)) > 0
    assert jobs.list_jobs(workspace.store)[0].state == "cancelled"


def test_what_a_job_shows_of_itself(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from flywheel_tui.stages.live import Watcher

    use_teacher(monkeypatch, answering(), seconds=0.02)
    run(workspace, "qa", count=40, window=10)
    view = Watcher(workspace).view(jobs.list_jobs(workspace.store)[0].id)
    assert view.spent is not None and view.spent.calls == 40
    assert view.figures["rows"] > 0 and "Vendi per row" in view.figures and view.newest


def test_seeds_typed_on_the_command_line_are_stored(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_teacher(monkeypatch, plausible)
    run(workspace, "qa", seeds="why bread rises, how tides work", count=2)
    ancestors = [trace(workspace, str(row["id"])).ancestors[0].instruction for row in rows(workspace)]
    assert sorted(ancestors) == ["how tides work", "why bread rises"]
    run(workspace, "qa", seeds="why bread rises, how tides work", count=2)
    assert len(rows(workspace)) == 2


def test_two_jobs_are_never_at_the_same_items(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_teacher(monkeypatch, plausible)
    request = announce(workspace, GenerateOptions(recipe="qa", into="made", seeds="demo", backend="scripted", count=5))
    with alone_at(workspace, request.options), pytest.raises(ConflictError, match="another job is at qa into made"):
        run(workspace, "qa", count=7)
    assert run(workspace, "qa", count=7).made == 7


def test_a_recipe_of_somebody_else_cannot_leave_the_rules(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row four generations from real data, a row without an instruction, no row at all."""

    class Foreign(Recipe):
        name = "foreign"
        about = "A recipe of a test."

        async def make(self, item: Item, ask: Ask) -> list[Made]:
            seed = item.seed
            if item.index == 0:
                far = Seed(id=seed.id, uid=seed.uid, kind="sft", instruction="x", family=seed.family, depth=3)
                return [Made(draft=Draft(instruction="far", output="y"), parents=(Parent(far),))]
            if item.index == 1:
                return [Made(draft=Draft(instruction=" ", output="y"), parents=(Parent(seed),))]
            if item.index == 2:
                return []
            return [Made(draft=Draft(instruction=f"fine {item.index}", output="y"), parents=(Parent(seed),))]

    monkeypatch.setitem(RECIPES, "foreign", Foreign)
    use_teacher(monkeypatch, plausible)
    report = run(workspace, "foreign", count=2, concurrency=1)
    assert report.rejected == {"too_deep": 1, "empty": 2} and report.made == 2
