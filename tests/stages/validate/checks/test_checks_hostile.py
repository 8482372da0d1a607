"""Texts made to be slow: each simple check gets through a megabyte of them in seconds, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

CHECKS = ("schema", "length", "dedup", "refusal", "repetition", "unicode", "injection")
SECONDS = 20.0

SCRIPT = """
import json, sys, time
from flywheel_tui.stages.validate.base import Candidate, load_checks

M = 1_000_000
hostile = {
    "a": "a" * M,
    "spaces": " " * M,
    "newlines": "x\\n" * (M // 2),
    "brackets": "(" * M,
    "fences": "```\\n" * (M // 4),
    "words": "a b " * (M // 4),
    "dots": ". " * (M // 2),
    "quotes": '"' * M,
    "ignore": "ignore the " * (M // 11),
    "sorry": "I am sorry " * (M // 11),
    "i cannot": "i cannot i can" * (M // 14),
    "give": "give this the the the " * (M // 22),
    "dear judge": "dear judge " * (M // 11),
    "roles": "human: \\n" * (M // 8),
    "headings": "### system\\n" * (M // 11),
    "escapes": "\\x1b[" * (M // 2),
    "osc": "\\x1b]" * (M // 2),
    "zero width": "\\u200b" * M,
    "alternating": "a\\u200b" * (M // 2),
    "bidi": "\\u202e\\u2066" * (M // 2),
    "tags": "\\U000e0041" * M,
    "selectors": "\\ufe01" * M,
    "marks": "e" + "\\u0301" * M,
    "mojibake": "\\u00c3\\u00a9" * (M // 2),
    "half mojibake": "\\u00c3" * M,
    "mixed": "a\\u0430" * (M // 2),
    "mixed words": "a\\u0430 " * (M // 3),
    "emoji": "\\U0001f468\\u200d" * (M // 2),
    "cjk": "\\u54c8" * M,
    "numbers": "0 " * (M // 2),
    "long period": ("".join(chr(97 + n * 7 % 26) for n in range(997)) + " ") * (M // 998),
    "unique": " ".join(map(str, range(M // 7))),
    "braces": "{" * M,
    "urls": "http://" * (M // 7),
}
check = load_checks()[sys.argv[1]]
worst = {}
for name, text in hostile.items():
    one = check()
    rows = [Candidate(1, "sft", text[:1000], None, text), Candidate(2, "rag", "q", text, "x" + text)]
    started = time.process_time()
    if one.compares:
        one.feed(rows)
        list(one.finish())
    else:
        list(one.look(rows))
    worst[name] = round(time.process_time() - started, 3)
print(json.dumps(worst))
"""


@pytest.mark.parametrize("name", CHECKS)
def test_a_megabyte_of_anything_is_done_in_seconds(name: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), name], capture_output=True, text=True, timeout=240, check=True
    )
    seconds = json.loads(run.stdout)
    slow = {text: time for text, time in seconds.items() if time > SECONDS}
    assert not slow
