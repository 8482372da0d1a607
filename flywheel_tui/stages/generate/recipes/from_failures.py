"""From failures: more of what went wrong. The requests of failed pairs are changed in seven ways and answered anew.

Which failures: the approved scenarios, or the pairs of a data set that people rejected or a judge failed. How much for
each kind of error: in proportion to rate × severity, at least 5 %, at most 40 %. Only the request is changed; the
answer that failed never becomes a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.failures import CAP, FLOOR, MUTATIONS, shares
from flywheel_tui.stages.generate.recipe import MAX_DEPTH, Item, Made, Parent, Recipe, Rejected, Seed, recipe
from flywheel_tui.stages.generate.seeds import seed_of
from flywheel_tui.stages.generate.writing import PEOPLE, PLACES, TEXT, closed, offline_answer, one_of, subject
from flywheel_tui.stages.scenarios import approved_traces
from flywheel_tui.stages.scenarios_kinds import kind_named, kind_of_answer, kind_of_reasons, kind_of_scores
from flywheel_tui.stats.rouge import rouge_l
from flywheel_tui.store import datasets, failure_rows, generation, lineage

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask
    from flywheel_tui.workspace import Workspace

_HORIZON = 1_000_000
_SAME_ANSWER = 0.9
"""ROUGE-L to the answer that failed from which a new answer counts as that answer."""


class Failure(NamedTuple):
    """A failure: what was asked, what was answered, its kind; the pair where there is one."""

    name: str
    request: str
    answer: str
    error: str
    seed: Seed | None


@recipe
class FromFailures(Recipe):
    """One mutated request and its new answer.

    Rules: `same_request`, `failing_answer` (the new answer is the one that failed).
    """

    name = "from-failures"
    about = "New requests beside those that failed, more for frequent and severe errors, answered anew."
    needs = "nothing"
    instead_of_seeds = "--option failures=DATASET"
    templates = ("failures.mutate", "answer")
    options = {  # noqa: RUF012
        "failures": "", "answers": True, "mutations": ",".join(MUTATIONS), "floor": FLOOR, "cap": CAP,
    }  # fmt: skip
    hints = {"failures": "approved scenarios; or a data set", "mutations": "some of these, between commas"}  # noqa: RUF012
    likely_tokens = 600
    novelty = 0.9

    @classmethod
    def plan_ahead(
        cls, workspace: Workspace, dataset: str, options: Mapping[str, Any], run_seed: int
    ) -> dict[str, Any]:
        """Which failures there are as the job is made, and the share of each kind of error."""
        found = failures_of(workspace, str(options.get("failures") or ""))
        counted = Counter(failure.error for failure in found)
        errors = {name: (count, kind_named(name).severity) for name, count in sorted(counted.items())}
        floor, cap = float(options.get("floor", FLOOR)), float(options.get("cap", CAP))
        return {"failures": [_kept(failure) for failure in found], "shares": shares(errors, floor, cap)}

    def prepare(self) -> None:
        named = [name.strip() for name in str(self.option("mutations")).split(",") if name.strip()]
        if unknown := set(named) - set(MUTATIONS):
            raise UsageError(f"there is no mutation {sorted(unknown)[0]!r}; there are: {', '.join(MUTATIONS)}")
        if not 0 <= self.option("floor") < self.option("cap") <= 1:
            raise UsageError("--option floor and cap of from-failures are shares, the floor below the cap")
        self._mutations = named or list(MUTATIONS)
        source = self.option("failures")
        kept = self.setup.carried.get("failures")
        self._failures = (
            failures_of(self.setup.workspace, source) if kept is None else _read(self.setup.workspace, kept)
        )
        if not self._failures:
            where = f"the data set {source}" if source else "approved scenarios"
            raise UsageError(f"there is no failure in {where}; judge or label a data set and name it with --option failures=NAME, or approve a scenario")  # fmt: skip  # noqa: E501
        self._shares: dict[str, float] = self.setup.carried.get("shares", {})
        self._of: dict[str, list[Failure]] = {}
        for one in self._failures:
            self._of.setdefault(one.error, []).append(one)
        # each failure is joined with one other and always the same: families that are joined are one in every split
        names = sorted(one.name for one in self._failures)
        pairs = zip(names[::2], names[1::2], strict=False)
        self._partners = {name: other for one, two in pairs for name, other in ((one, two), (two, one))}
        self._plan: list[str] = []
        self._counts: Counter[str] = Counter()

    def item(self, index: int) -> Item | None:
        if index >= _HORIZON:
            return None
        while len(self._plan) <= index:
            self._extend()
        error = self._plan[index]
        turn = self._plan[:index].count(error) if index < 2000 else index
        failures = self._of[error]
        order = list(range(len(failures)))
        self.draw("order", error, turn // len(order)).shuffle(order)
        failure = failures[order[turn % len(order)]]
        chance = self.draw("mutation", index)
        fitting = [name for name in self._mutations if name != "compose" or failure.name in self._partners]
        mutation = chance.choice(fitting or ["paraphrase"])
        params = {"failure": failure.name, "error": error, "operator": mutation}
        if mutation == "compose":
            params["second"] = self._partners[failure.name]
        seeds = (failure.seed,) if failure.seed is not None else ()
        return Item(index=index, teacher=self.teacher(index), seeds=seeds, params=params)

    def _extend(self) -> None:
        """The next kind of error: the one that lags most behind its share."""
        total = len(self._plan) + 1
        wanted = {name: share for name, share in self._shares.items() if name in self._of} or dict.fromkeys(
            self._of, 1.0
        )
        name = max(sorted(wanted), key=lambda one: wanted[one] * total - self._counts[one])
        self._plan.append(name)
        self._counts[name] += 1

    def _named(self, name: str) -> Failure:
        return next(one for one in self._failures if one.name == name)

    async def make(self, item: Item, ask: Ask) -> Made:
        failure, mutation = self._named(item.params["failure"]), item.params["operator"]
        kind = kind_named(failure.error)
        parents = [Parent(failure.seed, "mutated")] if failure.seed is not None else []
        second = ""
        if mutation == "compose":
            other = self._named(item.params["second"])
            second = f"The second request: {other.request}\n\n"
            parents += [Parent(other.seed, "mutated")] if other.seed is not None and other is not failure else []
        values = {"request": failure.request + (f"\n\n{second}" if second else ""),
                  "error": f"{kind.label}. {kind.question}", "mutation": MUTATIONS[mutation]}  # fmt: skip
        request = (await ask.object("mutate", "failures.mutate", values, closed(request=TEXT)))["request"].strip()
        if " ".join(request.lower().split()) == " ".join(failure.request.lower().split()):
            raise Rejected("same_request", "it is the request that failed, unchanged", request)
        category = failure.seed.category if failure.seed is not None else None
        notes = {"error": failure.error, "operator": mutation, "failure": failure.name}
        if not self.option("answers"):
            draft = Draft(kind="prompt", instruction=request, category=category)
            return Made(draft=draft, parents=tuple(parents), notes=notes)
        answer = await ask.text("answer", "answer", {"task": request})
        if failure.answer.strip() and rouge_l(answer[:4000], failure.answer[:4000]) >= _SAME_ANSWER:
            raise Rejected("failing_answer", "the new answer is the one that failed", answer)
        draft = Draft(instruction=request, output=answer, category=category)
        return Made(draft=draft, parents=tuple(parents), notes=notes)

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> str | dict[str, Any]:
        chance = self.draw("offline", step, item.index)
        if step == "answer":
            return offline_answer(str(values["task"]), chance)
        person, place = one_of(chance, PEOPLE, PLACES)
        text = str(values["request"]).strip().split("\n")[0].rstrip(".?! ")
        return {
            "request": f"{text}, this time for {person} {place}, with a word about {subject(text, chance)} at the end?"
        }


def _kept(failure: Failure) -> dict[str, Any]:
    """A failure as the job keeps it: people may decide otherwise while it runs, and its items stay what they are."""
    seed = failure.seed
    kept: dict[str, Any] = {"name": failure.name, "error": failure.error, "version": seed.id if seed else None}
    if seed is None or seed.prompt != failure.request:
        kept["request"] = failure.request
    if seed is None or (seed.output or "") != failure.answer:
        kept["answer"] = failure.answer
    return kept


def _read(workspace: Workspace, kept: Sequence[Mapping[str, Any]]) -> list[Failure]:
    """Failures as `_kept` left them. Raises UsageError where their pairs were removed."""
    versions = sorted({one["version"] for one in kept if one["version"] is not None})
    seeds = {row.id: seed_of(row) for row in generation.rows_by_version(workspace.store.read(), versions)}
    if len(seeds) != len(versions):
        raise UsageError("pairs that this job is made from were removed; give the command again")
    found = []
    for one in kept:
        seed = seeds.get(one["version"])
        request = one.get("request", seed.prompt if seed else "")
        answer = one.get("answer", (seed.output or "") if seed else "")
        found.append(Failure(one["name"], request, answer, one["error"], seed))
    return found


def failures_of(workspace: Workspace, source: str) -> list[Failure]:
    """The failures of a data set, or (with no name) those of the approved scenarios. Raises NotFoundError."""
    return _of_dataset(workspace, source) if source else _of_scenarios(workspace)


def _of_scenarios(workspace: Workspace) -> list[Failure]:
    traces = [(scenario, trace) for scenario, listed in approved_traces(workspace) for trace in listed]
    versions = [trace.pair_id for _, trace in traces if trace.pair_id is not None]
    rows = failure_rows.rows_of_versions(workspace.store.read(), versions)
    found = []
    for scenario, trace in traces:
        row = rows.get(trace.pair_id) if trace.pair_id is not None else None
        seed = seed_of(row) if row is not None else None
        if seed is None or seed.depth < MAX_DEPTH:
            error = scenario.error_kind or trace.error_kind
            found.append(Failure(f"trace:{trace.uid.hex()}", trace.request, trace.answer or "", error, seed))
    return found


def _of_dataset(workspace: Workspace, name: str) -> list[Failure]:
    connection = workspace.store.read()
    dataset = datasets.get_dataset(connection, name)
    newest = generation.newest_pair(connection, dataset.id)
    found = []
    for row in failure_rows.failed_rows(connection, dataset.id, newest):
        seed = seed_of(row.seed)
        if seed.depth >= MAX_DEPTH:
            continue
        reasons = [
            reason for event in lineage.events(connection, row.root) if not event.undone for reason in event.reasons
        ]
        scores = msgspec.json.decode(row.scores) if row.scores else {}
        error = kind_of_reasons(reasons) or kind_of_scores(scores) or kind_of_answer(seed.output)
        found.append(Failure(f"pair:{seed.uid.hex()}", seed.prompt, seed.output or "", error, seed))
    return found
