"""Personal data: what must be found, what must not, exact spans, and linear time on hostile text."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import FlywheelError, MissingExtraError, UsageError
from flywheel_tui.stages.validate import checksums, national, phones
from flywheel_tui.stages.validate.base import Candidate
from flywheel_tui.stages.validate.checks.pii import Pii, _patterns
from flywheel_tui.stages.validate.patterns import PatternSet, Placed, without_overlaps

CHECK = Pii()
STRICT = Pii(policy="strict")


def found(text: str, check: Pii = CHECK) -> list[tuple[str, str]]:
    """`(type, what the span covers)`."""
    return [
        (hit.message.split(":")[0], text[hit.start : hit.end])
        for hit in check.look([Candidate(1, "instruction", text)])
    ]


FINDS = [
    ("write to marta.lindqvist@example.com today", "EMAIL", "marta.lindqvist@example.com"),
    ("Grüße an jürgen.müller@exämple.de!", "EMAIL", "jürgen.müller@exämple.de"),
    ("mail anna.k (at) example (dot) org", "EMAIL", "anna.k (at) example (dot) org"),
    ("call +44 20 7946 0321.", "PHONE", "+44 20 7946 0321"),
    ("Office\n+46 (0)8 928 571 38 fax", "PHONE", "+46 (0)8 928 571 38"),
    ("(202) 555-0176", "PHONE", "(202) 555-0176"),
    ("or 345-899-3560x4587", "PHONE", "345-899-3560x4587"),
    ("Festnetz 030 / 901820 14", "PHONE", "030 / 901820 14"),
    ("joignable au 01.84.17.61.18", "PHONE", "01.84.17.61.18"),
    ("Phone:\n60-56-85-91", "PHONE", "60-56-85-91"),
    ("card 4111 1111 1111 1111, thanks", "CARD", "4111 1111 1111 1111"),
    ("Card 3782 822463 10005 was declined", "CARD", "3782 822463 10005"),
    ("to DE89 3704 0044 0532 0130 00, purpose", "IBAN", "DE89 3704 0044 0532 0130 00"),
    ("iban gb82west12345698765432.", "IBAN", "gb82west12345698765432"),
    ("IBAN GB82 WEST 1234 5698 7654 32. Login", "IBAN", "GB82 WEST 1234 5698 7654 32"),
    ("client 203.0.113.57:8080", "IP", "203.0.113.57"),
    ("IP:203.0.113.57", "IP", "203.0.113.57"),
    ("from 2001:db8::8a2e:370:7334.", "IP", "2001:db8::8a2e:370:7334"),
    ("https://joe:hunter22@files.example.com/x", "URL_CREDENTIALS", "https://joe:hunter22@files.example.com"),
    ("pay 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 now", "CRYPTO", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
    ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "CRYPTO", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("DOB: 12/03/1984", "DATE_OF_BIRTH", "12/03/1984"),
    ("Geburtsdatum: 4. Juli 2001", "DATE_OF_BIRTH", "4. Juli 2001"),
    ("He was born July 4, 2001 in Kent", "DATE_OF_BIRTH", "July 4, 2001"),
    ("at 12 Maple Street, Apt 4", "ADDRESS", "12 Maple Street, Apt 4"),
    ("Řezníček, Lindenstraße 12a", "ADDRESS", "Lindenstraße 12a"),
    ("P.O. Box 512", "ADDRESS", "P.O. Box 512"),
    ("12 rue de la Paix", "ADDRESS", "12 rue de la Paix"),
    ("Via Garibaldi 71", "ADDRESS", "Via Garibaldi 71"),
    ("London SW1A 1AA", "ADDRESS", "SW1A 1AA"),
    ("passport number X1234567", "PASSPORT", "X1234567"),
]


@pytest.mark.parametrize(("text", "kind", "span"), FINDS, ids=[span for _, _, span in FINDS])
def test_finds_with_exact_span(text: str, kind: str, span: str) -> None:
    assert found(text) == [(kind, span)]


@pytest.mark.parametrize(("text", "kind", "span"), FINDS, ids=[span for _, _, span in FINDS])
def test_spans_count_characters_not_bytes(text: str, kind: str, span: str) -> None:
    assert found("日本 🎉 é\n" + text) == [(kind, span)]


@pytest.mark.parametrize(
    "text",
    [
        "update to 4.18.2",
        "version 1.2.3.4 is out",
        "v10.0.22.1",
        "127.0.0.1:8080 and 0.0.0.0",
        "the net 203.0.113.0/24",
        "router at 192.168.1.1",
        "ask 8.8.8.8",
        "std::vector<int> a::b::c",
        "at 12:34:56 today",
        "voucher 4012 8888 8888 1882",
        "the number 123456789012345678",
        "pi is 3.14159265358979323846",
        "on 2021-03-04 10:20:30",
        "01.02.2003 to 04.05.2006",
        "add 02 04 06 08 10 to it",
        "git@github.com:example/app.git",
        "postgres://shop:EXAMPLE-passw0rd@db.example.com:5432/shop",
        "image icon@2x.png",
        "Mozart was born on 27 January 1756",
        "ISBN 978-3-16-148410-0",
        "call 911 or dial 112",
        "call f(1000000)",
        "user ID 12345 in the",
        "order 000-12-3456",
        "DE89 3704 0044 0532 0130 01",
        "a hash 0x0000000000000000000000000000000000000000",
        "it costs $1,234,567.89",
        "1/2/3/4/5/6/7/8/9",
    ],
)
def test_leaves_alone(text: str) -> None:
    assert found(text) == []


# Numbers made up here; only their check digits are right.
IDS = [
    ("US_SSN", "SSN 219-09-9999", "219-09-9999"),
    ("UK_NINO", "NI number AB 12 34 56 C", "AB 12 34 56 C"),
    ("UK_NHS", "NHS number 943 476 5919", "943 476 5919"),
    ("DE_TAX_ID", "Steuer-ID: 86 095 742 719", "86 095 742 719"),
    ("ES_DNI", "DNI 12345678Z", "12345678Z"),
    ("ES_DNI", "NIE X1234567L", "X1234567L"),
    ("IT_CODICE_FISCALE", "CF RSSMRA85T10A562S", "RSSMRA85T10A562S"),
    ("FR_NIR", "NIR 2 55 08 14 168 025 38", "2 55 08 14 168 025 38"),
    ("NL_BSN", "BSN 111222333", "111222333"),
    ("BE_RRN", "85.07.30-033.28", "85.07.30-033.28"),
    ("PL_PESEL", "PESEL 44051401359", "44051401359"),
    ("PT_NIF", "NIF 123456789", "123456789"),
    ("BR_CPF", "CPF 529.982.247-25", "529.982.247-25"),
    ("IN_AADHAAR", "Aadhaar 2341 2341 2346", "2341 2341 2346"),
    ("SE_PERSONNUMMER", "811218-9876", "811218-9876"),
    ("FI_HETU", "131052-308T", "131052-308T"),
    ("CH_AHV", "756.9217.0769.85", "756.9217.0769.85"),
    ("CA_SIN", "SIN 130 692 544", "130 692 544"),
    ("AU_TFN", "TFN 123 456 782", "123 456 782"),
    ("CN_RIC", "11010519491231002X", "11010519491231002X"),
    ("TR_TCKN", "TC kimlik 10000000146", "10000000146"),
    ("SG_NRIC", "S1234567D", "S1234567D"),
    ("IE_PPS", "PPS 1234567T", "1234567T"),
    ("CL_RUT", "RUT 12.345.678-5", "12.345.678-5"),
    ("CZ_RC", "710319/2745", "710319/2745"),
    ("RO_CNP", "CNP 1800101221144", "1800101221144"),
    ("TH_ID", "1-2345-67890-12-1", "1-2345-67890-12-1"),
]


@pytest.mark.parametrize(("kind", "text", "span"), IDS, ids=[span for _, _, span in IDS])
def test_national_numbers(kind: str, text: str, span: str) -> None:
    assert found(text) == [(kind, span)]


@pytest.mark.parametrize(
    ("kind", "text", "span"), [row for row in IDS if row[0] not in ("US_SSN", "UK_NINO")], ids=lambda value: str(value)
)
def test_a_wrong_check_digit_is_no_national_number(kind: str, text: str, span: str) -> None:
    """Some digit changed by one leaves no valid number: the check digit is really looked at."""
    places = [i for i, c in enumerate(span) if c.isdigit()]
    changed = [span[:i] + str((int(span[i]) + 1) % 10) + span[i + 1 :] for i in places]
    wrong = [kind in [k for k, _ in found(text.replace(span, other))] for other in changed]
    assert wrong.count(True) <= len(wrong) // 3


def test_severities_follow_the_policy() -> None:
    text = "joe@example.com lives at 12 Maple Street"
    rows = [Candidate(7, "instruction", text)]
    assert [(f.severity, f.pair) for f in CHECK.look(rows)] == [("warning", 7), ("info", 7)]
    assert [f.severity for f in STRICT.look(rows)] == ["error", "warning"]
    assert list(Pii(policy="off").look(rows)) == []
    with pytest.raises(UsageError, match="strict, warn or off"):
        Pii(policy="loud")


def test_role_addresses_are_hints() -> None:
    rows = [Candidate(1, "instruction", "support@example.com")]
    assert [f.severity for f in CHECK.look(rows)] == ["info"]


def test_every_field_is_looked_at() -> None:
    body = json.dumps(
        {"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": "I am a@example.org"}]}
    )
    row = Candidate(1, "conversation", "q", "b@example.org", "c@example.org", body)
    assert [f.field for f in CHECK.look([row])] == ["input", "output", "body.messages[1].content"]


@pytest.mark.parametrize(("text", "kind", "span"), FINDS, ids=[span for _, _, span in FINDS])
def test_messages_do_not_spread_the_value(text: str, kind: str, span: str) -> None:
    for hit in CHECK.look([Candidate(1, "instruction", text)]):
        assert span not in hit.message
        assert hit.message.startswith(f"{kind}: ")


def test_names_need_a_model() -> None:
    with pytest.raises((MissingExtraError, UsageError)) as caught:
        Pii(names="no_such_model_here")
    assert isinstance(caught.value, FlywheelError)


def test_names_by_a_model_on_this_machine(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Marta Lindqvist"}])
    pipeline.to_disk(tmp_path / "model")
    assert found("ask Marta Lindqvist", Pii(names=str(tmp_path / "model"))) == [("PERSON", "Marta Lindqvist")]


@given(st.lists(st.sampled_from([text for text, _, _ in FINDS] + ["日本", "\ud800", " 12 ", "\n", "a.b", "@", "+"])))
@settings(deadline=None, max_examples=150)
def test_the_set_hides_nothing(pieces: list[str]) -> None:
    """The gate of every pattern matches wherever a hit of the pattern counts, whatever else is in the text."""
    text = " ".join(pieces)
    gate = set(PATTERNS._set.Match(text.encode("utf-8", "replace")) or ())
    PATTERNS_ALONE._set = EVERYTHING
    assert {rank for _, (rank, _) in PATTERNS_ALONE.scan(text)} <= gate


class _Everything:
    """Stands for a gate that lets every pattern be tried."""

    def Match(self, data: bytes) -> range:
        return range(len(PATTERNS._patterns))


EVERYTHING = _Everything()
PATTERNS = PatternSet(_patterns())
PATTERNS_ALONE = PatternSet(_patterns())


@given(st.text(alphabet="0123456789 -.:@/+()abcdefAZé日\n#", max_size=300))
@settings(deadline=None, max_examples=200)
def test_any_text_gives_ordered_spans_inside_it(text: str) -> None:
    hits = list(CHECK.look([Candidate(1, "instruction", text or "x")]))
    ends = [0, *(f.end or 0 for f in hits)]
    assert all(before <= (f.start or 0) < (f.end or 0) <= len(text) for before, f in zip(ends, hits, strict=False))


def test_overlaps_go_to_the_surer_then_the_longer() -> None:
    placed = [Placed(0, 9, 2, "a"), Placed(5, 12, 1, "b"), Placed(12, 14, 3, "c"), Placed(11, 20, 3, "d")]
    assert [p.said for p in without_overlaps(placed)] == ["b", "c"]


@pytest.mark.parametrize(
    ("number", "right"),
    [("4111111111111111", True), ("4111111111111112", False), ("79927398713", True), ("0", True), ("", False)],
)
def test_luhn(number: str, right: bool) -> None:
    assert checksums.luhn(number) is right


@given(st.integers(10**10, 10**15))
@settings(deadline=None)
def test_luhn_and_verhoeff_let_one_check_digit_through(number: int) -> None:
    assert sum(checksums.luhn(f"{number}{d}") for d in range(10)) == 1
    assert sum(checksums.verhoeff(f"{number}{d}") for d in range(10)) == 1


@pytest.mark.parametrize("number", ["GB29 NWBK 6016 1331 9268 19", "NO9386011117947", "FR1420041010050500013M02606"])
def test_iban(number: str) -> None:
    assert checksums.iban(number)
    assert not checksums.iban(number[:-1] + ("1" if number[-1] != "1" else "2"))
    assert not checksums.iban(number + "0")


def test_calling_codes_are_told_from_digits_that_are_none() -> None:
    assert phones.international("+41 44 668 18 00")
    assert not phones.international("+999 44 668 18 00")
    assert not phones.international("+41 44 668 18 00 00 0")


def test_every_national_number_has_a_type_in_capitals() -> None:
    assert all(kind.type.replace("_", "").isupper() for kind in national.IDS)


HOSTILE = ["a@", "@", "1 ", "1-", "+1 ", "call ", "1.1.", "a:", "4111 1111 1111 1111 ", "DE89", "12 Aa ", "born ",
           "DE89 3704 0044 ", "(a", "日1", "0x", "Via Aa "]  # fmt: skip


def test_a_megabyte_of_hostile_text_takes_linear_time() -> None:
    """In a process of its own, so that a hang fails the test and not the run."""
    program = (
        "import sys, time\n"
        "from flywheel_tui.stages.validate.base import Candidate\n"
        "from flywheel_tui.stages.validate.checks.pii import Pii\n"
        "check = Pii()\n"
        f"for piece in {HOSTILE!r}:\n"
        "    text = piece * (1_000_000 // len(piece))\n"
        "    began = time.process_time()\n"
        "    list(check.look([Candidate(1, 'instruction', text)]))\n"
        "    print(repr(piece), round(time.process_time() - began, 2), flush=True)\n"
    )
    began = time.monotonic()
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    slowest = max(run.stdout.splitlines(), key=lambda line: float(line.rsplit(" ", 1)[1]))
    assert float(slowest.rsplit(" ", 1)[1]) < 6, f"{slowest} (all in {time.monotonic() - began:.0f} s)"
