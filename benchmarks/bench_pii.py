"""Personal data, secrets, profanity and language: rows a second and, for personal data, precision and recall by type.

    python -m benchmarks.bench_pii --rows 52000 --peers /path/to/venv/bin/python --synth synth_dataset.json

`--peers` names a Python that has presidio-analyzer (run with its pattern recognisers and a blank spaCy pipeline: its
models are a download; default threshold), detect-secrets and better-profanity; what is missing there is said to be not
installed. `--synth` is a list of `{full_text, spans: [{entity_type, start_position, end_position}]}`; a gold span
counts as found where a finding of its type overlaps it, a finding as right where it overlaps a gold span of its type.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import Measure, make_rows, show
from flywheel_tui.stages.validate.base import Candidate, named_checks

TITLE = "Personal data, secrets, profanity, language"
Span = tuple[str, int, int]

# Gold type: ours, presidio's. Types of the gold that no pattern can claim are not in it.
CLAIMED = {
    "EMAIL_ADDRESS": ("EMAIL", "EMAIL_ADDRESS"),
    "PHONE_NUMBER": ("PHONE", "PHONE_NUMBER"),
    "CREDIT_CARD": ("CARD", "CREDIT_CARD"),
    "IBAN_CODE": ("IBAN", "IBAN_CODE"),
    "IP_ADDRESS": ("IP", "IP_ADDRESS"),
    "US_SSN": ("US_SSN", "US_SSN"),
    "US_DRIVER_LICENSE": ("DRIVER_LICENCE", "US_DRIVER_LICENSE"),
    "STREET_ADDRESS": ("ADDRESS", ""),
}
PLANTED = (
    "write to {w}.{w}@example.com", "call +44 20 7946 0{d}", "phone (212) 555-0{d}", "SSN 219-09-1{d}",
    "card 4111 1111 1111 1111", "IBAN DE89 3704 0044 0532 0130 00", "from 203.0.113.{b}",
)  # fmt: skip

PEER = """
import json, logging, sys, time
logging.disable(logging.CRITICAL)
name, texts = sys.argv[1], json.load(open(sys.argv[2]))
if name == "presidio":
    import spacy, tempfile
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider
    folder = tempfile.mkdtemp(); spacy.blank("en").to_disk(folder)
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy",
        "models": [{"lang_code": "en", "model_name": folder}]}).create_engine()
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    look = lambda text: [(r.entity_type, r.start, r.end) for r in analyzer.analyze(text=text, language="en")]
elif name == "detect-secrets":
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import default_settings
    context = default_settings(); context.__enter__()
    look = lambda text: [(s.type, 0, 0) for line in text.splitlines() for s in scan_line(line)]
else:
    from better_profanity import profanity
    profanity.load_censor_words()
    look = lambda text: [("PROFANITY", 0, 0)] if profanity.contains_profanity(text) else []
look("warm up"); started = time.perf_counter()
found = [look(text) for text in texts]
print(json.dumps({"seconds": time.perf_counter() - started, "found": found}))
"""


def ask_peer(python: str, name: str, texts: Sequence[str], folder: Path) -> dict[str, Any] | None:
    """Seconds and findings of an alternative in a process of its own; None where it is not installed."""
    path = folder / "texts.json"
    path.write_text(json.dumps(list(texts)), encoding="utf-8")
    done = subprocess.run([python, "-c", PEER, name, str(path)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        if "ModuleNotFoundError" not in done.stderr:
            sys.stderr.write(f"  {name} failed: {done.stderr.strip().splitlines()[-1]}\n")
        return None
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def rows_of(folder: Path, count: int) -> list[tuple[str, str | None, str]]:
    """Alpaca-like rows; 4 % end with a piece of personal data."""
    chance = random.Random(11)
    rows = []
    with make_rows(folder / f"rows{count}.jsonl", count).open("rb") as file:
        for number, line in enumerate(file):
            row = json.loads(line)
            output = row["output"]
            if number % 25 == 0:
                made = PLANTED[number // 25 % len(PLANTED)]
                word = f"{chance.choice('abcdef')}{chance.randint(10, 99)}"
                output += ". Please " + made.format(w=word, d=chance.randint(100, 999), b=chance.randint(1, 254))
            rows.append((row["instruction"], row["input"] or None, output))
    return rows


def time_check(name: str, rows: Sequence[tuple[str, str | None, str]]) -> tuple[float, set[int]]:
    """Rows a second of a check, the median of three passes in a warm process, and the rows it found something in."""
    check = named_checks([name])[0]()
    taken = []
    found: set[int] = set()
    for _ in range(3):
        candidates = [Candidate(number, "instruction", *row) for number, row in enumerate(rows)]
        started = time.perf_counter()
        found = {hit.pair for hit in check.look(candidates)}
        taken.append(time.perf_counter() - started)
    return len(rows) / sorted(taken)[1], found


def run(folder: Path, rows: int, peers: str = sys.executable) -> list[Measure]:
    """Rows a second of the four checks, each beside an alternative on a sample of the same rows."""
    data = rows_of(folder, rows)
    measures = []
    for name, peer, sample, goal in (
        ("pii", "presidio", 200, "≥ 100,000 rows/s"),
        ("secrets", "detect-secrets", 1000, "≥ 100,000 rows/s"),
        ("profanity", "better-profanity", 50, "≥ 100,000 rows/s"),
        ("language", "", 0, "≥ 40,000 rows/s"),
    ):
        speed, found = time_check(name, data)
        answer = (
            ask_peer(peers, peer, ["\n".join(t for t in row if t) for row in data[:sample]], folder) if peer else None
        )
        other = sample / answer["seconds"] if answer else None
        beside = peer if answer or not peer else f"{peer} (not installed)"
        measures.append(Measure(f"{name}, {rows:,} rows", speed, "rows/s", other, beside, "more", goal))
        if name == "pii":
            planted = set(range(0, rows, 25))
            measures.append(
                Measure("planted personal data found", len(planted & found) / len(planted), "of 1", goal="1")
            )
            measures.append(Measure("rows flagged without any", len(found - planted), "rows", goal="0"))
    return measures


def our_spans(texts: Sequence[str]) -> list[list[Span]]:
    """What the check `pii` finds in each text."""
    check = named_checks(["pii"])[0]()
    found: list[list[Span]] = [[] for _ in texts]
    for hit in check.look([Candidate(number, "instruction", text) for number, text in enumerate(texts)]):
        found[hit.pair].append((hit.message.split(":")[0], hit.start or 0, hit.end or 0))
    return found


def score(gold: list[list[Span]], found: list[list[Span]], kind: str, name: str) -> tuple[int, int, int, int]:
    """Gold spans found, gold spans, findings that are right, findings; by overlap."""
    wanted = hit = said = right = 0
    for truth, ours in zip(gold, found, strict=True):
        spans = [span for span in truth if span[0] == kind]
        hits = [span for span in ours if span[0] == name]
        wanted, said = wanted + len(spans), said + len(hits)
        hit += sum(any(a < f and e < b for _, e, f in hits) for _, a, b in spans)
        right += sum(any(a < f and e < b for _, a, b in spans) for _, e, f in hits)
    return hit, wanted, right, said


def compare(path: Path, peers: str, first: int = 500) -> None:
    """Print precision and recall by type on texts with gold spans, ours and presidio's."""
    items = json.loads(path.read_text("utf-8"))[:first]
    texts = [item["full_text"] for item in items]
    gold: list[list[Span]] = [
        [(s["entity_type"], s["start_position"], s["end_position"]) for s in item["spans"]] for item in items
    ]
    ours = our_spans(texts)
    with tempfile.TemporaryDirectory() as folder:
        answer = ask_peer(peers, "presidio", texts, Path(folder))
    theirs = [[(str(t), int(a), int(b)) for t, a, b in spans] for spans in answer["found"]] if answer else None
    print(
        f"\n{len(texts)} texts with gold spans, matched by overlap" + ("" if theirs else "; presidio is not installed")
    )
    print(f"  {'type':<20}{'gold':>6}  {'recall':>8}{'precision':>11}   presidio's {'recall':>8}{'precision':>11}")
    for kind, (mine, other) in CLAIMED.items():
        cells = [_cells(*score(gold, ours, kind, mine))]
        cells.append(_cells(*score(gold, theirs, kind, other)) if theirs and other else f"{'no such type':>19}")
        count = sum(span[0] == kind for spans in gold for span in spans)
        print(f"  {kind:<20}{count:>6}  {cells[0]}              {cells[1]}")
    rest = Counter(span[0] for spans in gold for span in spans if span[0] not in CLAIMED)
    print("  not claimed by patterns: " + ", ".join(f"{kind} ({n})" for kind, n in rest.most_common()))
    named = {mine for mine, _ in CLAIMED.values()}
    beyond = Counter(span[0] for spans in ours for span in spans if span[0] not in named)
    print("  ours of types the gold has not: " + (", ".join(f"{k} ({n})" for k, n in beyond.most_common()) or "none"))


def _cells(hit: int, wanted: int, right: int, said: int) -> str:
    share: Callable[[int, int], str] = lambda part, whole: f"{part / whole:.3f}" if whole else "–"  # noqa: E731
    return f"{share(hit, wanted):>8}{share(right, said):>11}"


def main() -> None:
    """Print the speeds and, with `--synth`, precision and recall."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "presidio_synth"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=52_000)
    parser.add_argument("--peers", default=sys.executable, help="a Python with the alternatives")
    parser.add_argument("--synth", type=Path, default=next(iter(sorted(beside.glob("*.json"))), None))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flywheel-bench-") as folder:
        show(TITLE, run(Path(folder), options.rows, options.peers))
    if options.synth:
        compare(options.synth, options.peers)


if __name__ == "__main__":
    main()
