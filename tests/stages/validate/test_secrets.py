"""Keys and tokens by shape and by name; gaps and made-up values told from real ones. No real secret stands here."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.stages.validate.base import Candidate
from flywheel_tui.stages.validate.checks.secrets import Secrets, entropy, random_looking

CHECK = Secrets()
# Made here from a counter, so that the shapes are complete and the values nobody's. The first letters are put together
# at run time: a scanner of this repository should have nothing to find.
_MIXED = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6kL9nP2rS5uV8xA1"
_HEX = "3f9a1c7e5b2d8046" * 4


def found(text: str) -> list[tuple[str, str, str]]:
    return [
        (hit.severity, hit.message.split(":")[0], text[hit.start : hit.end])
        for hit in CHECK.look([Candidate(1, "instruction", text)])
    ]


SHAPES = [
    ("API_KEY", "AK" + "IA" + "J3X7Q2M9K4W8Z5T1"),
    ("ACCESS_TOKEN", "gh" + "p_" + _MIXED[:36]),
    ("ACCESS_TOKEN", "github" + "_pat_" + _MIXED[:40]),
    ("ACCESS_TOKEN", "gl" + "pat-" + _MIXED[:20]),
    ("ACCESS_TOKEN", "xo" + "xb-" + "48210593-77120394-" + _MIXED[:24]),
    ("API_KEY", "sk" + "_live_" + _MIXED[:24]),
    ("API_KEY", "sk" + "-ant-api03-" + _MIXED[:40]),
    ("API_KEY", "sk" + "-or-v1-" + _HEX),
    ("API_KEY", "sk" + "-proj-" + _MIXED[:48]),
    ("API_KEY", "AI" + "za" + _MIXED[:35]),
    ("API_KEY", "SG" + "." + _MIXED[:22] + "." + _MIXED[:43]),
    ("ACCESS_TOKEN", "np" + "m_" + _MIXED[:36]),
    ("ACCESS_TOKEN", "shp" + "at_" + _HEX[:32]),
    ("JWT", "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxIn0." + _MIXED[:43]),
]


@pytest.mark.parametrize(("kind", "value"), SHAPES, ids=[f"{kind} {value[:8]}" for kind, value in SHAPES])
@pytest.mark.parametrize("around", ["{}", "export X={}\n", 'key: "{}",', "Schlüssel 日本 {}."])
def test_makers_shapes(kind: str, value: str, around: str) -> None:
    assert found(around.format(value)) == [("error", kind, value)]


@pytest.mark.parametrize(("kind", "value"), SHAPES, ids=[f"{kind} {value[:8]}" for kind, value in SHAPES])
def test_messages_do_not_spread_the_value(kind: str, value: str) -> None:
    assert all(value not in hit.message for hit in CHECK.look([Candidate(1, "instruction", value)]))


def test_private_keys_are_found_whole() -> None:
    begin, end = "-----BEGIN RSA PRIVATE" + " KEY-----", "-----END RSA PRIVATE" + " KEY-----"
    block = f"{begin}\nProc-Type: 4,ENCRYPTED\n\n" + (_MIXED + "\n") * 4 + end
    assert found(f"see\n{block}\nok?") == [("error", "PRIVATE_KEY", block)]
    assert found(f"{begin}\n...\n{end}") == []
    assert [kind for _, kind, _ in found(f"{begin}\n{_MIXED}")] == ["PRIVATE_KEY"]


@pytest.mark.parametrize(
    ("text", "severity", "value"),
    [
        ("postgres://shop:kXo4-9qLw2@db.example.com/x", "error", "kXo4-9qLw2"),
        ("redis://:kXo49qLw2@cache:6379", "error", "kXo49qLw2"),
        ("Server=x;User=sa;Password=kXo49qLw2;", "error", "kXo49qLw2"),
        ("mysql://a:EXAMPLE-passw0rd@db/x", "warning", "EXAMPLE-passw0rd"),
    ],
)
def test_passwords_in_connection_strings(text: str, severity: str, value: str) -> None:
    assert found(text) == [(severity, "PASSWORD", value)]


@pytest.mark.parametrize("name", ["api_key", "API-KEY", "client_secret", "auth_token", "DB_PASSWORD", "secretKey"])
@pytest.mark.parametrize("form", ['{} = "{}"', "{}='{}'", '"{}": "{}"', "{}={}\n"])
def test_named_values_that_look_random(name: str, form: str) -> None:
    assert found(form.format(name, _MIXED[:24])) == [("error", "SECRET", _MIXED[:24])]


@pytest.mark.parametrize(
    "text",
    [
        "export WEATHER_API_KEY=YOUR_API_KEY",
        'api_key = "your-api-key-goes-here-1234"',
        'api_key = os.environ["API_KEY_FOR_2024_SERVICE"]',
        'password = "password123"',
        'token = "<paste your token 12345678 here>"',
        "postgres://user:password@localhost/db",
        "postgres://user:${DB_PASSWORD}@localhost/db",
        "postgres://user:<password>@localhost/db",
        "the tokens are counted: 12345678901234567890",
        "token: transformers.AutoTokenizer.from_pretrained2",
        "sk-learn-is-a-library-for-machine-learning",
        "https://example.com/a:b/c@d",
        "password: must have 8 characters",
        "Authorization: Bearer YOUR_ACCESS_TOKEN_HERE_12",
    ],
)
def test_leaves_alone(text: str) -> None:
    assert found(text) == []


def test_gaps_and_made_up_values_weigh_less() -> None:
    assert [s for s, _, _ in found("sk" + "-" + "x" * 40)] == ["info"]
    assert [s for s, _, _ in found("AK" + "IA" + "IOSFODNN7EXAMPLE")] == ["warning"]
    assert [s for s, _, _ in found("gh" + "p_" + "EXAMPLE0" * 4 + "EXAM")] == ["warning"]


def test_entropy() -> None:
    assert entropy("") == 0.0
    assert entropy("aaaa") == 0.0
    assert entropy("abcd") == 2.0


@given(st.text(alphabet="abcdefghij ", min_size=16))
@settings(deadline=None)
def test_letters_alone_do_not_look_random(text: str) -> None:
    assert not random_looking(text)


def test_a_megabyte_of_hostile_text_takes_linear_time() -> None:
    pieces = [
        "-----BEGIN PRIVATE" + " KEY-----",
        "api_key=",
        'token="',
        "a://b:c@d ",
        "ey" + "Jaaaaaaaa.",
        "sk-",
        "password: a1!",
        "=" * 9,
    ]
    program = (
        "import time\n"
        "from flywheel_tui.stages.validate.base import Candidate\n"
        "from flywheel_tui.stages.validate.checks.secrets import Secrets\n"
        "check = Secrets()\n"
        f"for piece in {pieces!r}:\n"
        "    began = time.process_time()\n"
        "    list(check.look([Candidate(1, 'instruction', piece * (1_000_000 // len(piece)))]))\n"
        "    print(piece, time.process_time() - began)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=90, check=False)
    assert run.returncode == 0, run.stderr
    assert all(float(line.rsplit(" ", 1)[1]) < 6 for line in run.stdout.splitlines()), run.stdout
