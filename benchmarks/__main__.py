"""`python -m benchmarks [NAME …] [--rows N]`: run the benchmarks of this folder and print their tables."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import show

NAMES = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def main() -> int:
    """Run what was asked for (default: everything)."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--rows", type=int, default=100_000, help="size of the made data (default 100,000)")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"no benchmark {sorted(unknown)[0]!r}; there are: {', '.join(NAMES)}")
    print(f"Python {platform.python_version()}, {platform.machine()}, {options.rows:,} rows; medians, ratios first")
    for name in options.names or NAMES:
        module = import_module(f"benchmarks.bench_{name}")
        with TemporaryDirectory(prefix="flywheel-bench-") as folder:
            show(module.TITLE, module.run(Path(folder), options.rows))
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
