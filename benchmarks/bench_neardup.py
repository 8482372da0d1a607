"""Near-duplicates: time, memory, recall and precision, beside datasketch and rensa in the same run.

    python -m benchmarks.bench_neardup --rows 52000 --peers /path/to/venv/bin/python --febrl dataset1.csv

Texts are made up here (words by Zipf's law, prompts from templates, 5 % copies with 0.5–3 % of their words changed).
Every contender runs in a process of its own on the same texts and answers with pairs; a planted pair counts for recall
where its Jaccard similarity of word 3-grams, counted by plain Python sets, reaches the threshold, and the same count
says which answered pairs are right. `--peers` names a Python that has datasketch and rensa; without, they are left out.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import Measure

TITLE = "Near-duplicates"

_WORD = re.compile(r"\w+")
_TEMPLATES = (
    "Summarise the following article about {} for {} in {} words",
    "Write a short story in which {} meets {} and learns about {}",
    "Explain to a beginner what {} has to do with {} and give an example with {}",
    "Translate this sentence about {} so that {} would understand {}",
    "List the five most important facts about {} and say why {} matters to {}",
)

OURS = """
import json, resource, sys, time
from flywheel_tui.stages.validate.base import Candidate
from flywheel_tui.stages.validate.checks.neardup import NearDup
from flywheel_tui.stats.setjoin import similar_pairs
from flywheel_tui.stats.shingles import word_shingles
texts = json.load(open(sys.argv[1])); threshold = float(sys.argv[2]); whole = sys.argv[4] == "check"
word_shingles(["warm up", "wärmen"])
base = resource.getrusage(resource.RUSAGE_SELF); started = time.perf_counter()
if whole:
    check = NearDup(threshold=threshold)
    for start in range(0, len(texts), 1000):
        check.feed([Candidate(start + k + 1, "sft", t) for k, t in enumerate(texts[start:start + 1000])])
    pairs = [(f.cluster - 1, f.pair - 1) for f in check.finish() if f.severity == "warning"]
else:
    sets, _ = word_shingles(texts)
    join = similar_pairs(sets, threshold)
    pairs = list(zip(join.left.tolist(), join.right.tolist()))
wall = time.perf_counter() - started; used = resource.getrusage(resource.RUSAGE_SELF)
json.dump(pairs, open(sys.argv[3], "w"))
print(json.dumps({"wall": wall, "cpu": used.ru_utime - base.ru_utime + used.ru_stime - base.ru_stime,
                  "mib": used.ru_maxrss / 1024, "base_mib": base.ru_maxrss / 1024}))
"""

PEER = """
import json, re, resource, sys, time
texts = json.load(open(sys.argv[1])); threshold = float(sys.argv[2]); name = sys.argv[4]; pairs = []
word = re.compile(r"\\w+")
def shingles(text):
    words = word.findall(text.lower())
    return {" ".join(words[i:i + 3]) for i in range(max(len(words) - 2, 1))} if words else set()
base = resource.getrusage(resource.RUSAGE_SELF); started = time.perf_counter()
if name == "datasketch":
    from datasketch import MinHash, MinHashLSH
    lsh = MinHashLSH(threshold=threshold, num_perm=128)
    for i, text in enumerate(texts):
        minhash = MinHash(num_perm=128, seed=1)
        minhash.update_batch([s.encode() for s in shingles(text)])
        pairs += [(j, i) for j in lsh.query(minhash)]
        lsh.insert(i, minhash, check_duplication=False)
else:
    from rensa import RMinHash, RMinHashLSH
    lsh = RMinHashLSH(threshold=threshold, num_perm=128, num_bands=16)
    for i, text in enumerate(texts):
        minhash = RMinHash(num_perm=128, seed=1)
        minhash.update(list(shingles(text)))
        pairs += [(j, i) for j in lsh.query(minhash)]
        lsh.insert(i, minhash)
wall = time.perf_counter() - started; used = resource.getrusage(resource.RUSAGE_SELF)
json.dump(pairs, open(sys.argv[3], "w"))
print(json.dumps({"wall": wall, "cpu": used.ru_utime - base.ru_utime + used.ru_stime - base.ru_stime,
                  "mib": used.ru_maxrss / 1024, "base_mib": base.ru_maxrss / 1024}))
"""


def made_up(rows: int, seed: int = 7) -> tuple[list[str], list[tuple[int, int]]]:
    """Texts of about 440 characters and the pairs that were planted among them."""
    chance = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgkjq"
    vocabulary = list({"".join(chance.choices(letters, k=min(2 + i // 4000, 11))) for i in range(60_000)})
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    texts: list[str] = []
    planted: list[tuple[int, int]] = []
    while len(texts) < rows:
        if texts and chance.random() < 0.05:
            of = chance.randrange(len(texts))
            words = texts[of].split(" ")
            for _ in range(max(round(len(words) * chance.uniform(0.005, 0.03)), 1)):
                words[chance.randrange(len(words))] = chance.choice(vocabulary)
            planted.append((of, len(texts)))
            texts.append(" ".join(words))
            continue
        drawn = chance.choices(vocabulary, cum_weights=weights, k=chance.randint(13, 73))
        texts.append(chance.choice(_TEMPLATES).format(*drawn[:3]) + ". " + " ".join(drawn[3:]))
    return texts, planted


def shingles(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return {tuple(words[i : i + 3]) for i in range(max(len(words) - 2, 1))}


def jaccard(one: str, two: str) -> float:
    a, b = shingles(one), shingles(two)
    return len(a & b) / len(a | b)


def contend(python: str, script: str, texts: Path, threshold: float, name: str) -> dict[str, Any] | str:
    """One contender in a process of its own: its figures and pairs, or why there are none."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        done = subprocess.run(
            [python, "-c", script, str(texts), str(threshold), out.name, name], capture_output=True, text=True
        )
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
        return {**json.loads(done.stdout), "pairs": json.loads(Path(out.name).read_text())}


def planted_run(rows: int, threshold: float, peers: str | None) -> None:
    texts, planted = made_up(rows)
    truth = {pair for pair in planted if jaccard(texts[pair[0]], texts[pair[1]]) >= threshold}
    mean = sum(map(len, texts)) / rows
    print(f"\n{rows:,} texts, {mean:.0f} characters each; {len(truth):,} planted pairs at {threshold} or more")
    print(_row("", "ratio", "wall s", "CPU s", "peak MiB", "over texts", "pairs", "recall", "precision"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.json"
        file.write_text(json.dumps(texts))
        runs = [
            ("datasketch", peers, PEER),
            ("rensa", peers, PEER),
            ("join", sys.executable, OURS),
            ("check", sys.executable, OURS),
        ]
        base: float | None = None
        for name, python, script in runs:
            if python is None:
                print(f"{name:26}left out: name a Python that has it with --peers")
                continue
            run = contend(python, script, file, threshold, name)
            if isinstance(run, str):
                print(f"{name:26}left out: {run}")
                continue
            base = base or float(run["cpu"])
            report(name, run, base, texts, truth, threshold)


def report(
    name: str, run: dict[str, Any], base: float, texts: list[str], truth: set[tuple[int, int]], threshold: float
) -> None:
    pairs = {(min(a, b), max(a, b)) for a, b in run["pairs"]}
    label = {"join": "flywheel_tui: join", "check": "flywheel_tui: whole check"}.get(name, name)
    if name == "check":
        # one finding per pair that is not kept, of its cluster: a planted pair is found where both are in one cluster
        kept = {b: a for a, b in pairs}
        recall = sum(kept.get(a, a) == kept.get(b, b) for a, b in truth) / max(len(truth), 1)
        precision = "clusters"
    else:
        recall = len(truth & pairs) / max(len(truth), 1)
        right = sum(jaccard(texts[a], texts[b]) >= threshold for a, b in pairs)
        precision = f"{right / max(len(pairs), 1):.4f}"
    wall, cpu, mib = float(run["wall"]), float(run["cpu"]), float(run["mib"])
    over = mib - float(run["base_mib"])
    figures = (f"{cpu / base:.3f}", f"{wall:.2f}", f"{cpu:.2f}", f"{mib:,.0f}", f"{over:,.0f}", f"{len(pairs):,}")
    print(_row(label, *figures, f"{recall:.4f}", precision))


def _row(label: str, *cells: str) -> str:
    return f"{label:26}" + "".join(f"{cell:>11}" for cell in cells)


def febrl_run(path: Path) -> None:
    """Recall and precision on persons with known duplicates (rec-N-org and rec-N-dup-M are the same person)."""
    from flywheel_tui.stages.validate.base import Candidate
    from flywheel_tui.stages.validate.checks.neardup import NearDup

    with path.open(newline="") as file:
        rows = list(csv.reader(file, skipinitialspace=True))[1:]
    persons = [row[0].split("-")[1] for row in rows]
    texts = [" ".join(cell for cell in row[1:] if cell) for row in rows]
    truth = {(i, j) for i, j in itertools.combinations(range(len(rows)), 2) if persons[i] == persons[j]}
    mean = sum(map(len, texts)) / len(texts)
    print(f"\n{path.name}: {len(rows):,} persons, {len(truth):,} true pairs, {mean:.0f} characters each")
    print(f"{'shingles':12}{'threshold':>10}{'pairs':>8}{'recall':>9}{'precision':>11}")
    for unit, threshold in itertools.product(("auto", "words"), (0.4, 0.5, 0.6, 0.7, 0.8)):
        check = NearDup(threshold=threshold, unit=unit, short=20)
        check.feed([Candidate(number, "sft", text) for number, text in enumerate(texts)])
        pairs = {(a, b) for a, b, _ in check.pairs()}
        right = len(pairs & truth)
        print(f"{unit:12}{threshold:>10}{len(pairs):>8}{right / len(truth):>9.3f}{right / max(len(pairs), 1):>11.3f}")


def run(folder: Path, rows: int) -> list[Measure]:
    """The row of `python -m benchmarks`; the Python with datasketch is named by BENCH_PEERS (default: this one)."""
    texts, planted = made_up(rows)
    truth = {pair for pair in planted if jaccard(texts[pair[0]], texts[pair[1]]) >= 0.8}
    file = folder / "texts.json"
    file.write_text(json.dumps(texts))
    peer = contend(os.environ.get("BENCH_PEERS", sys.executable), PEER, file, 0.8, "datasketch")
    ours = contend(sys.executable, OURS, file, 0.8, "join")
    if isinstance(ours, str):
        raise RuntimeError(ours)
    other = {} if isinstance(peer, str) else peer
    name = "datasketch" if other else "datasketch, which is not installed"

    def measure(what: str, key: str, unit: str, better: str = "less", goal: str = "") -> Measure:
        return Measure(f"{what}, {rows:,} texts", value(ours, key), unit, value(other, key), name, better, goal)

    def value(of: dict[str, Any], key: str) -> float:
        if not of:
            return 0.0
        return _recall(of, truth) if key == "recall" else float(of[key])

    return [
        measure("near-duplicates", "wall", "s", goal="≥ 8 ×"),
        measure("near-duplicates, CPU", "cpu", "s"),
        measure("near-duplicates, memory", "mib", "MB", goal="≤ 2,000 MB"),
        measure("near-duplicates, recall of planted pairs", "recall", "", "more", "≥ 0.999"),
    ]


def _recall(run: dict[str, Any], truth: set[tuple[int, int]]) -> float:
    pairs = {(min(a, b), max(a, b)) for a, b in run["pairs"]}
    return len(truth & pairs) / max(len(truth), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=int, nargs="*", default=[52_000], help="how many texts (several: one table each)"
    )
    parser.add_argument("--threshold", type=float, default=0.8)
    parser.add_argument("--peers", help="a Python with datasketch and rensa installed")
    parser.add_argument("--febrl", type=Path, help="dataset1.csv of the FEBRL data sets")
    options = parser.parse_args()
    if options.febrl:
        febrl_run(options.febrl)
    for rows in options.rows:
        planted_run(rows, options.threshold, options.peers)


if __name__ == "__main__":
    main()
