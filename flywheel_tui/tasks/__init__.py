"""Narrow tasks with answers that can be checked, made by rule: what the demonstration learns and is measured on.

A registry of skills (one file each in `skills/`), splits that never share a task, and checkers of answers by name.
"""

from flywheel_tui.tasks.base import (
    Checked,
    Skill,
    Spoilt,
    Task,
    check,
    load_skills,
    make,
    skill,
    skill_named,
    spoil,
    task_of,
    vary,
)
from flywheel_tui.tasks.checkers import can_check, checked, checker, checker_named
from flywheel_tui.tasks.splits import SPLITS, Split, make_in, make_many, split_of, vary_in, vary_many

__all__ = [
    "SPLITS",
    "Checked",
    "Skill",
    "Split",
    "Spoilt",
    "Task",
    "can_check",
    "check",
    "checked",
    "checker",
    "checker_named",
    "load_skills",
    "make",
    "make_in",
    "make_many",
    "skill",
    "skill_named",
    "split_of",
    "spoil",
    "task_of",
    "vary",
    "vary_in",
    "vary_many",
]
