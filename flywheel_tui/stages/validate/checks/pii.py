"""Personal data: what has a check digit or a shape of its own is found by it, what has none only beside its name.

Messages say the type first (`EMAIL: …`) and never the value. With `policy` strict every sure finding is an error and
every hint a warning; warn makes them warnings and notes; off finds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, ClassVar, Final, NamedTuple

from flywheel_tui.errors import MissingExtraError, UsageError
from flywheel_tui.stages.validate import phones
from flywheel_tui.stages.validate.addresses import SHAPES
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.stages.validate.checksums import (
    base58check,
    bech32,
    card_issuer,
    digits_of,
    iban,
    iban_length,
    luhn,
)
from flywheel_tui.stages.validate.national import IDS, NationalId
from flywheel_tui.stages.validate.patterns import Hit, Pattern, PatternSet, Placed, without_overlaps


class Said(NamedTuple):
    """What a hit is. A hint is weaker than a finding by one severity; `length` shortens the span from its start."""

    type: str
    about: str
    hint: bool = False
    length: int | None = None


_SEVERITY: Final = {"strict": ("error", "warning"), "warn": ("warning", "info")}
_ROLES: Final = re.compile(
    r"(?i)(?:no-?reply|do-?not-?reply|info|support|help|contact|sales|admin|office|hello|service|press|jobs|webmaster"
    r"|postmaster|abuse|privacy|billing|team|feedback|security|marketing|enquiries|customer-?(?:service|care|support))@"
)
_FILE_ENDINGS: Final = "png jpg jpeg gif svg webp ico css js ts py json html local localhost internal"
_RESOLVERS: Final = frozenset(("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9"))
_DOCUMENTATION: Final = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")
_NO_HOST: Final = re.compile(r"(?i)(?:\bv(?:er(?:sion)?)?\.? ?|release |section |§ ?|[\w.]-?|::)\Z")
_CARD_LABEL: Final = re.compile(r"card|credit|debit|maestro|visa|karte|carte|tarjeta|carta|\bcc\b")
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_WHEN: Final = (
    r"([0-9]{1,4}[./\-][0-9]{1,2}[./\-][0-9]{1,4}"
    r"|[0-9]{1,2}(?:st|nd|rd|th|\.|º)?(?: de| of)? \pL{3,12}\.?,?(?: de| of)? (?:19|20)[0-9]{2}"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? [0-9]{1,2}(?:st|nd|rd|th)?,? (?:19|20)[0-9]{2})"
)
_BIRTH_LABEL: Final = (
    r"(?i)(?:\b(?:date of birth|birth ?date|birthday|dob|d\.o\.b\.|geburtsdatum|fecha de nacimiento|date de naissance"
    r"|data di nascita|data de nascimento|geboortedatum|data urodzenia)|дата рождения|生年月日|出生日期)"
)
_BORN: Final = (
    r"(?i)\b(?:born(?: on)?|geboren am|née? le|nacid[oa] el|nació el|nat[oa] il|geboren op|nascid[oa] em|urodzon[ya])"
)
_LONGEST_LIFE = 110


def _constant(said: Said) -> Callable[[Hit], Said | None]:
    return lambda hit: said


def _email(hit: Hit) -> Said | None:
    local, _, host = hit.text.rpartition("@")
    tail = re.split(r"[\s,;]", hit.before)[-1]
    if host.rsplit(".", 1)[-1].lower() in _FILE_ENDINGS.split() or local == "git" or "://" in tail:
        return None
    return Said("EMAIL", "an e-mail address", hint=_ROLES.match(hit.text) is not None)


def _bounded(hit: Hit) -> bool:
    """No digit, letter or decimal point touches the hit: it is a whole number, not a piece of a longer one."""
    return re.search(r"[\w.][-.]?\Z", hit.before) is None and re.match(r"-?\w|\.\d", hit.after) is None


def _card(hit: Hit) -> Said | None:
    digits = digits_of(hit.text)
    issuer = card_issuer(digits)
    if issuer is None or not luhn(digits) or len(set(digits)) == 1 or not _bounded(hit):
        return None
    if (issuer == "Maestro" or len(digits) == 13) and not _CARD_LABEL.search(hit.before.lower() + hit.after.lower()):
        return None
    return Said("CARD", f"a payment card number ({issuer}, check digit fits)")


def _iban(hit: Hit) -> Said | None:
    wanted = iban_length(hit.text)
    if wanted is None:
        return None
    seen = 0
    for place, char in enumerate(hit.text):
        seen += char not in " -"
        if seen == wanted:
            whole = hit.text[: place + 1]
            ends = not (hit.text + hit.after)[place + 1 : place + 2].isalnum()
            return (
                Said("IBAN", "a bank account (IBAN, checksum fits)", length=len(whole))
                if ends and iban(whole)
                else None
            )
    return None


def _ip(hit: Hit) -> Said | None:
    try:
        address: IPv4Address | IPv6Address = ip_address(hit.text)
    except ValueError:
        return None
    if not _reachable(address, hit.text.lower()) or _NO_HOST.search(hit.before):
        return None
    if address.version == 4:
        no_host = hit.text in _RESOLVERS or hit.text.endswith(".0") or re.match(r"/\d|\w|\.\d", hit.after)
    else:
        groups = [group for group in hit.text.split(":") if group]
        no_host = len(groups) < 3 or hit.text.isalpha() or re.match(r"/\d|[\w:]", hit.after)
    return None if no_host else Said("IP", f"an IPv{address.version} address")


def _reachable(address: IPv4Address | IPv6Address, text: str) -> bool:
    """Whether the address can belong to somebody: public, or set aside for documents, which stands for a public one."""
    return (address.is_global and not address.is_multicast) or text.startswith(_DOCUMENTATION)


def _phone(valid: Callable[[str], bool], hit: Hit) -> Said | None:
    touches = re.search(r"[\w.=/#$€£][-.]?\Z", hit.before) or re.match(r"[-./]?\d|[^\W\d]", hit.after)
    inside = hit.text[0] == "0" and re.search(r"\d[ .\-]\Z", hit.before)
    return None if touches or inside or not valid(hit.text) else Said("PHONE", "a telephone number")


def _national(kind: NationalId, label: re.Pattern[str] | None, hit: Hit) -> Said | None:
    if label is not None and not label.search(hit.before.lower()):
        return None
    if not _bounded(hit) or not kind.valid(hit.text):
        return None
    return Said(kind.type, kind.about)


def _born(hint: bool, hit: Hit) -> Said | None:
    years = [int(y) for y in re.findall(r"(?:19|20)\d\d", hit.text)]
    if years and years[0] < date.today().year - _LONGEST_LIFE:
        return None
    return Said("DATE_OF_BIRTH", "a date of birth", hint=hint)


def _coin(hit: Hit) -> Said | None:
    lowered = hit.text.lower()
    if lowered.startswith("0x"):
        good = len(set(lowered[2:])) > 4
    elif lowered.startswith(("bc1", "ltc1")):
        good = bech32(hit.text)
    else:
        good = base58check(hit.text)
    return Said("CRYPTO", "an address of a cryptocurrency") if good else None


def _address(hit: Hit) -> Said | None:
    touches = re.search(r"[\w.]\Z", hit.before) or re.match(r"\w|\.\d", hit.after)
    state_alone = re.match(r"[A-Z]{2},? \d{5}", hit.text) and not re.search(r"[,\n]\s{0,2}\Z", hit.before)
    if touches or state_alone or hit.text.endswith("Hard Drive"):
        return None
    return Said("ADDRESS", "what looks like a postal address", hint=True)


def _patterns() -> list[Pattern]:
    """From the surest to the weakest: of two hits on one place the earlier pattern's stays."""
    credentials = Said("URL_CREDENTIALS", "a web address with user name and password")
    account = Said("EMAIL", "an e-mail address, written out")
    listed = [
        Pattern(r"(?i)\b(?:https?|ftps?|sftp|ssh)://[^\s/@:\"'<>]{1,100}:[^\s/@\"'<>]{1,200}@[^\s/\"'<>]{1,253}",
                _constant(credentials), r"://[^\s/@]+@"),
        Pattern(r"[\pL\pN_][\pL\pN._%+'\-]{0,63}@(?:[\pL\pN][\pL\pN\-]{0,62}\.){1,5}\pL{2,24}", _email, r"@[\pL\pN]"),
        Pattern(r"(?i)\b[a-z0-9][a-z0-9._+\-]{0,63} ?[\[({<] ?at ?[\])}>] ?[a-z0-9\-]{1,63}"
                r"(?: ?[\[({<] ?dot ?[\])}>] ?|\.)[a-z]{2,24}\b", _constant(account), r"(?i)[\[({<] ?at ?[\])}>]"),
        Pattern(r"(?i)\b[A-Z]{2}[0-9]{2}(?:[ \-]?[A-Z0-9]{4}){2,7}(?:[ \-]?[A-Z0-9]{1,3})?\b", _iban,
                r"(?i)\b[A-Z]{2}[0-9]{2}[ \-]?[A-Z0-9]{4}[ \-]?[A-Z0-9]{4}"),
        Pattern(r"\b[0-9](?:[ \-]?[0-9]){11,18}\b", _card, r"[0-9](?:[ \-]?[0-9]){11}"),
        Pattern(rf"\b{_OCTET}(?:\.{_OCTET}){{3}}\b", _ip, r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"),
        Pattern(r"(?:[0-9a-fA-F]{1,4}:)(?:[0-9a-fA-F]{0,4}:){1,6}[0-9a-fA-F]{1,4}", _ip,
                r"[0-9a-fA-F]:[0-9a-fA-F]{0,4}:"),
        Pattern(r"\b(?:0x[0-9a-fA-F]{40}|(?:bc1|ltc1)[a-z0-9]{11,71}|[13LMD][1-9A-HJ-NP-Za-km-z]{25,34})\b", _coin,
                r"\b(?:0x[0-9a-fA-F]{8}|bc1|ltc1|[13LMD][1-9A-HJ-NP-Za-km-z]{25})"),
    ]  # fmt: skip
    for kind in IDS:  # a number that must be named is sought only where its name stands
        label = re.compile(kind.label) if kind.label else None
        listed.append(Pattern(kind.regex, partial(_national, kind, label), f"(?i){kind.label}" if kind.label else None))
    listed += [
        Pattern(_BIRTH_LABEL + r"[^0-9\n]{0,16}?" + _WHEN, partial(_born, False), _BIRTH_LABEL),
        Pattern(_BORN + r"[^0-9\n]{0,4}?" + _WHEN, partial(_born, True), _BORN),
        Pattern(phones.INTERNATIONAL, partial(_phone, phones.international), r"\+[0-9]{1,4}[ .\-/(]{0,3}[0-9]"),
        Pattern(
            phones.NORTH_AMERICAN, partial(_phone, phones.north_american), r"[0-9]{3}\)?[ .\-]?[0-9]{3}[ .\-][0-9]{4}"
        ),
        Pattern(phones.TRUNK_ZERO, partial(_phone, phones.trunk_zero)),
        Pattern(phones.LABELLED, partial(_phone, phones.labelled)),
        Pattern(phones.LABELLED_AFTER, partial(_phone, phones.labelled)),
    ]
    listed += [Pattern(shape.regex, _address, shape.gate) for shape in SHAPES]
    return [Pattern(p.regex, partial(_ranked, rank, p.accept), p.gate) for rank, p in enumerate(listed)]


def _ranked(rank: int, accept: Callable[[Hit], Said | None], hit: Hit) -> tuple[int, Said] | None:
    said = accept(hit)
    return None if said is None else (rank, said)


def _person_finder(model: str) -> Callable[[str], Iterator[tuple[int, int]]]:
    """Names by a spaCy model that is on this machine; nothing is downloaded."""
    try:
        import spacy
    except ImportError:
        raise MissingExtraError("check pii with names", "spacy", "names") from None
    try:
        pipeline = spacy.load(model)
    except OSError:
        raise UsageError(
            f"there is no spaCy model {model!r} here; install it or leave the option names empty"
        ) from None

    def find(text: str) -> Iterator[tuple[int, int]]:
        for entity in pipeline(text[: pipeline.max_length]).ents:
            if entity.label_ in ("PERSON", "PER"):
                yield entity.start_char, entity.end_char

    return find


@check
class Pii(Check):
    name = "pii"
    about = "personal data: addresses, numbers and accounts of people"
    options: ClassVar[dict[str, Any]] = {"policy": "warn", "names": ""}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        policy = self.settings["policy"]
        if policy not in ("strict", "warn", "off"):
            raise UsageError(f"option policy of check pii is {policy!r}; use strict, warn or off")
        self._severities = _SEVERITY.get(policy)
        names = self.settings["names"]
        self._people = _person_finder(str(names)) if names and self._severities else None
        self._set = PatternSet(_patterns()) if self._severities else None

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        if self._set is None or self._severities is None:
            return
        sure, hint = self._severities
        for row in rows:
            for field, text in row.texts():
                for start, end, _, said in self._found(text, self._set):
                    severity = hint if said.hint else sure
                    yield Found(row.id, severity, field, start, end, f"{said.type}: {said.about}")

    def _found(self, text: str, patterns: PatternSet) -> list[Placed]:
        found = [
            Placed(hit.start, hit.start + said.length if said.length else hit.end, rank, said)
            for hit, (rank, said) in patterns.scan(text)
        ]
        if self._people is not None:
            person = Said("PERSON", "a person's name")
            found += [Placed(start, end, 1000, person) for start, end in self._people(text)]
        return without_overlaps(found) if len(found) > 1 else found
