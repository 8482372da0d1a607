"""What a recipe is: it turns a work item (a seed, a number, a teacher) into pairs, or says by which rule it did not.

One file for each recipe in `recipes/`, registered by `@recipe`; another package adds one with an entry point of the
group `flywheel_tui.recipes`. A recipe holds no state that an item changes: items run side by side, in any order, and
are run again after a crash.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.template import Template

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask
    from flywheel_tui.workspace import Workspace

GROUP = "flywheel_tui.recipes"
MAX_DEPTH = 3
"""Generations from a real row at most (science: error stays bounded where data accumulates and chains stay short)."""
Relation = Literal["seeded", "evolved", "answered", "edited", "mutated", "paired"]
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    """A row that something can be made from: a version of a stored pair. `depth` is 0 for a real one.

    `family` names the root seed; what grew from one root stays on one side of every split.
    """

    id: int
    uid: bytes
    kind: str
    instruction: str
    family: bytes
    depth: int = 0
    input: str | None = None
    output: str | None = None
    body: dict[str, Any] = {}
    meta: dict[str, Any] = {}
    category: str | None = None
    status: str = "open"

    @property
    def prompt(self) -> str:
        """The instruction with its input below it."""
        return f"{self.instruction}\n\n{self.input}" if self.input else self.instruction


class Teacher(msgspec.Struct, frozen=True):
    """A model that is asked, with the back end that reaches it."""

    backend: str
    model: str = ""

    @property
    def name(self) -> str:
        """As lineage shows it."""
        return f"{self.backend}:{self.model}" if self.model else self.backend


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work. Equal items have equal keys, on every machine: what was done once is not done again.

    `params` are what the recipe drew for it (an operator, a cell of the grid); they are kept with what it makes.
    """

    index: int
    teacher: Teacher
    seeds: tuple[Seed, ...] = ()
    params: dict[str, Any] = {}

    @property
    def seed(self) -> Seed:
        """The first seed. Raises UsageError where there is none."""
        if not self.seeds:
            raise UsageError("this recipe works on seeds; name some with --seeds")
        return self.seeds[0]


class Parent(msgspec.Struct, frozen=True):
    """An edge of the lineage: from what a row was made, and how."""

    seed: Seed
    relation: Relation = "seeded"


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A pair that a recipe made. The first parent is the one whose family it belongs to.

    `notes` go into `meta.generated` beside what is always there (recipe, template, teacher, parameters, depth, root).
    """

    draft: Draft
    parents: tuple[Parent, ...] = ()
    notes: dict[str, Any] = {}


class Rejected(Exception):
    """An item made nothing: the rule that says so, why, and the head of the text at fault. Raise it in `make`."""

    def __init__(self, rule: str, detail: str = "", text: str = "", notes: Mapping[str, Any] | None = None) -> None:
        self.rule, self.detail, self.text, self.notes = rule, detail, text, dict(notes or {})
        super().__init__(f"{rule}: {detail}" if detail else rule)


class Setup(msgspec.Struct, kw_only=True):
    """What a run gives its recipe. `options` are those of the recipe, checked, with defaults filled in.

    `grown` holds the rows that this recipe has made in the data set so far (the engine appends to it as rows are
    written): machine examples come from there.
    """

    workspace: Workspace
    seeds: Sequence[Seed]
    teachers: tuple[Teacher, ...]
    options: dict[str, Any]
    run_seed: int
    dataset: str
    grown: list[Seed] = msgspec.field(default_factory=list)
    carried: dict[str, Any] = msgspec.field(default_factory=dict)
    """What `plan_ahead` fixed when the job was made: the same in every attempt at it."""


class Recipe(ABC):
    """A registered recipe.

    `kind` is that of the pairs it makes, `needs` what its seeds are: rows with an instruction (`seeds`), documents, or
    nothing (it starts from `options`). `seed_kinds` narrows the kinds of rows it takes. `options` names its settings
    with their defaults (the type of a default is the type of the setting; a tuple lists the choices, the first is the
    default). `templates` are the prompts it uses; a changed `version` makes new work items. `novelty` is the ROUGE-L
    at which an instruction is too near to one that the data set (or its seeds) has; None: this recipe repeats
    instructions by design. `likely_tokens` is what one row takes in answers, for estimates.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    kind: ClassVar[str] = "sft"
    version: ClassVar[int] = 1
    needs: ClassVar[Literal["seeds", "documents", "nothing"]] = "seeds"
    seed_kinds: ClassVar[tuple[str, ...]] = ()
    instead_of_seeds: ClassVar[str] = ""
    """How a recipe that would leave seeds unread is told what it works on."""
    default_seeds: ClassVar[str] = "instructions"
    templates: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[dict[str, Any]] = {}
    hints: ClassVar[dict[str, str]] = {}
    """What a setting takes, in a few words, where its default does not say it."""
    temperature: ClassVar[float] = 0.7
    novelty: ClassVar[float | None] = None
    rows_per_item: ClassVar[int] = 1
    likely_tokens: ClassVar[int] = 350
    teachers_wanted: ClassVar[int] = 1

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.prepare()

    def prepare(self) -> None:
        """Read what is needed besides the seeds (a taxonomy, a catalogue); called once, in the thread of the job."""
        return

    @classmethod
    def plan_ahead(
        cls, workspace: Workspace, dataset: str, options: Mapping[str, Any], run_seed: int
    ) -> dict[str, Any]:
        """What must stay as it is while the job runs and is taken up again (weights, counts): kept in its arguments."""
        return {}

    def item(self, index: int) -> Item | None:
        """The work item with that number (from 0); None where there are no more.

        It must depend on nothing but `index` and the setup. This one goes round the seeds, in an order that hangs on
        the run's seed, and gives every seed to every teacher in turn.
        """
        seeds = self.setup.seeds
        if not seeds:
            return None
        seed = seeds[self.order()[index % len(seeds)]]
        return Item(
            index=index, teacher=self.teacher_in_turn(index, len(seeds)), seeds=(seed,), params=self.params(index, seed)
        )

    def params(self, index: int, seed: Seed) -> dict[str, Any]:
        """What is drawn for an item of `item`; use `self.draw(index)` for chance."""
        return {}

    @abstractmethod
    async def make(self, item: Item, ask: Ask) -> Made | list[Made]:
        """The pairs of an item. Raises Rejected; faults of the service go through untouched."""

    def offline(self, item: Item, step: str, values: Mapping[str, Any]) -> str | dict[str, Any]:
        """What the back end `offline` answers to a step: plausible text (or the object of its schema) by template.

        Raises UsageError where the recipe has no way without a model.
        """
        raise UsageError(f"the recipe {self.name} cannot answer the step {step!r} without a model")

    def real_rows(self) -> list[Draft]:
        """Rows that belong into the data set as they are (golden examples): written before the first item."""
        return []

    def watched(self, draft: Draft) -> str:
        """The text whose variety is watched as rows come in."""
        return f"{draft.instruction}\n{(draft.output or '')[:600]}"

    # -- for subclasses

    def draw(self, *parts: object) -> random.Random:
        """Chance that is the same for the same run seed and parts."""
        text = "\x1f".join(map(str, (self.name, self.setup.run_seed, *parts)))
        return random.Random(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())

    def order(self) -> list[int]:
        """The seeds' places in the order of this run."""
        if not hasattr(self, "_order"):
            self._order = list(range(len(self.setup.seeds)))
            self.draw("order").shuffle(self._order)
        return self._order

    def teacher(self, number: int) -> Teacher:
        """One of the teachers, in turn."""
        return self.setup.teachers[number % len(self.setup.teachers)]

    def teacher_in_turn(self, index: int, things: int) -> Teacher:
        """The teacher of an item that is on thing `index % things`: each round is shifted by one, so that every thing
        meets every teacher, and all are asked alike."""
        return self.teacher(index % things + index // things)

    def option(self, name: str) -> Any:
        """A setting of this recipe."""
        return self.setup.options[name]


RECIPES: dict[str, type[Recipe]] = {}


def recipe(cls: type[Recipe]) -> type[Recipe]:
    """Register a recipe under its name."""
    RECIPES[cls.name] = cls
    return cls


def load_recipes(external: bool = False) -> dict[str, type[Recipe]]:
    """Import every recipe of this package, and those of other packages with `external`."""
    package = import_module("flywheel_tui.stages.generate.recipes")
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    if external:
        for point in entry_points(group=GROUP):
            found = point.load()
            RECIPES.setdefault(found.name, found)
    return RECIPES


def recipe_named(name: str) -> type[Recipe]:
    """The recipe of that name, ours or another package's. Raises NotFoundError that lists the known ones."""
    for external in (False, True):
        if found := load_recipes(external).get(name):
            return found
    raise NotFoundError("recipe", name, sorted(RECIPES))


def checked_options(cls: type[Recipe], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a recipe with what was given, as the types of their defaults. Raises UsageError."""
    found: dict[str, Any] = {name: value[0] if isinstance(value, tuple) else value for name, value in cls.options.items()}  # fmt: skip  # noqa: E501
    for name, value in given.items():
        if name not in cls.options:
            known = ", ".join(sorted(cls.options)) or "none"
            raise UsageError(f"the recipe {cls.name} has no option {name!r}; there are: {known}")
        found[name] = _typed(cls, name, value)
    return found


_SWITCH = {"yes": True, "y": True, "on": True, "no": False, "n": False, "off": False}
"""Words for a switch, beside true and false, 1 and 0."""


def _typed(cls: type[Recipe], name: str, value: Any) -> Any:
    default = cls.options[name]
    if isinstance(default, tuple):
        if value not in default:
            raise UsageError(f"--option {name} of {cls.name} is one of: {', '.join(map(str, default))}; not {value!r}")
        return value
    if isinstance(default, bool) and isinstance(value, str):
        value = _SWITCH.get(value.strip().lower(), value)
    try:
        return msgspec.convert(value, type(default), strict=False)
    except msgspec.ValidationError:
        example = f"{name}=yes or {name}=no" if isinstance(default, bool) else f"{name}={default}"
        raise UsageError(f"--option {name} of {cls.name} cannot be {str(value)[:60]!r}; write it like {example}") from None  # fmt: skip  # noqa: E501


def key_of(cls: type[Recipe], item: Item, templates: Sequence[Template], run_seed: int, sampling: Mapping[str, Any]) -> str:  # fmt: skip  # noqa: E501
    """The name of a work item: what it is made from and how, and nothing of when or where."""
    said = [
        cls.name, cls.version, sorted(template.hash for template in templates), [seed.uid.hex() for seed in item.seeds],
        item.index, item.teacher.name, item.params, run_seed, dict(sampling),
    ]  # fmt: skip
    return blake2b(_encode_sorted(said), digest_size=16).hexdigest()
