"""The examples in the docstrings hold, and importing the statistics loads nothing heavy."""

from __future__ import annotations

import doctest
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from flywheel_tui import stats

MODULES = sorted(path.stem for path in Path(stats.__file__).parent.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    found = doctest.testmod(import_module(f"flywheel_tui.stats.{name}"), verbose=False)
    assert found.failed == 0


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys\n" + "".join(f"import flywheel_tui.stats.{name}\n" for name in MODULES)
    code += "print([n for n in ('numpy', 'scipy', 'sklearn', 'textual', 'sqlite3') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_common_figures_do_without_scipy() -> None:
    code = (
        "import sys\nfrom flywheel_tui.stats import cohens_kappa, pearson, prf\n"
        "from flywheel_tui.stats.confusion import rates\nfrom flywheel_tui.stats.agreement import agreement\n"
        "a, b = [True, False, True, False], [True, True, True, False]\n"
        "cohens_kappa(a, b), pearson([1, 2, 3], [1, 3, 2]), prf(a, b), rates(a, b), agreement(a, b)\n"
        "print('scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
