"""Keys, tokens and passwords: by the shape their maker gave them, or by their name and how random they look.

A value of a maker's shape is an error; one that says itself that it is made up (EXAMPLE, one figure repeated) a
warning; a gap to be filled in (`sk-xxxx…`, `<token>`) a note at most. Messages never repeat the value.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import log2
from typing import Any, Final, NamedTuple

from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.stages.validate.patterns import Hit, Pattern, PatternSet, Placed, without_overlaps

_REAL, _SHAM, _GAP = "error", "warning", "info"
_GAP_WORDS: Final = re.compile(
    r"(?i)x{4,}|\*{3,}|\.{3}|…|[<>{}]|\A\$|\$\(|%s|%\(|your|insert|replace|change-?me|placeholder|redacted|removed|goes-?here|todo"
)
_SHAM_WORDS: Final = re.compile(r"(?i)example|dummy|sample|fake|not-?a?-?real|abcdefgh|12345678|0{8}|deadbeef")
_WEAK_WORDS: Final = re.compile(
    r"(?i)\A(?:pass(?:word|wd|phrase)?[0-9]{0,3}|pwd|secret[0-9]{0,3}|token|user(?:name)?|admin|root|postgres|guest|my.*"
    r"|the.*|none|null|true|false|test.*|foo.*|bar.*|hunter2|correcthorse.*|changeit|letmein)\Z"
)


class Shape(NamedTuple):
    """A maker's shape: RE2 syntax whose first group, if any, is the secret."""

    type: str
    about: str
    regex: str


_KEY: Final = "API_KEY"
_TOKEN: Final = "ACCESS_TOKEN"
SHAPES: Final = (
    Shape("PRIVATE_KEY", "a private key",
          r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-[^-])*"
          r"(?:-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"),
    Shape(_KEY, "an AWS access key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    Shape(_TOKEN, "a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})"),
    Shape(_TOKEN, "a GitLab token", r"\bgl(?:pat|ptt|rt|dt|soat|cbt)-[A-Za-z0-9_\-]{20,200}"),
    Shape(_TOKEN, "a Slack token", r"\b(?:xox[abceoprs]-[A-Za-z0-9\-]{10,250}|xapp-[0-9]-[A-Za-z0-9\-]{10,250})"),
    Shape(_TOKEN, "a Slack web hook",
          r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9]{6,20}/[A-Za-z0-9]{6,20}/[A-Za-z0-9]{16,40}"),
    Shape(_KEY, "a Stripe key", r"\b(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,250}|whsec_[A-Za-z0-9+/=]{24,64})"),
    Shape(_KEY, "an Anthropic key", r"\bsk-ant-[A-Za-z0-9_\-]{20,200}"),
    Shape(_KEY, "an OpenRouter key", r"\bsk-or-(?:v[0-9]-)?[A-Za-z0-9_\-]{20,200}"),
    Shape(_KEY, "an OpenAI-like key", r"\bsk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_\-]{20,250}"),
    Shape(_KEY, "a Google key", r"\bAIza[A-Za-z0-9_\-]{35}"),
    Shape(_TOKEN, "a Google token", r"\b(?:ya29\.[A-Za-z0-9_\-]{20,400}|GOCSPX-[A-Za-z0-9_\-]{20,40})"),
    Shape(_TOKEN, "a Hugging Face token", r"\b(?:hf|api_org)_[A-Za-z]{34,40}\b"),
    Shape(_KEY, "a key of a model provider",
          r"\b(?:gsk_[A-Za-z0-9]{40,60}|xai-[A-Za-z0-9]{60,100}|pplx-[A-Za-z0-9]{40,60}|r8_[A-Za-z0-9]{37}|nvapi-[\w\-]{60,80})"),
    Shape(_TOKEN, "a package registry's token",
          r"\b(?:npm_[A-Za-z0-9]{36}|pypi-AgE[A-Za-z0-9_\-]{50,250}|rubygems_[0-9a-f]{48}|dckr_pat_[\w\-]{27})"),
    Shape(_KEY, "a mail service's key",
          r"\b(?:SG\.[\w\-]{22}\.[\w\-]{43}|key-[0-9a-z]{32}|xkeysib-[0-9a-f]{64}-\w{16})\b"),
    Shape(_KEY, "a Twilio key", r"\bSK[0-9a-f]{32}\b"),
    Shape(_TOKEN, "a Telegram bot token", r"\b[0-9]{8,10}:AA[\w\-]{33}"),
    Shape(_TOKEN, "a Discord token", r"\b[MNO][A-Za-z0-9_\-]{23,25}\.[\w\-]{6}\.[\w\-]{27,38}"),
    Shape(_TOKEN, "a cloud or shop token",
          r"\b(?:shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|do[opr]_v1_[0-9a-f]{64}|dapi[0-9a-f]{32}|sq0[a-z]{3}-[\w\-]{22,43}"
          r"|EAAA[\w\-]{60}|hvs\.[\w\-]{24,100}|NRAK-[A-Z0-9]{27}|glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|lin_api_[A-Za-z0-9]{40}"
          r"|ntn_[A-Za-z0-9]{40,50}|ATATT3[\w\-=]{50,250}|AGE-SECRET-KEY-1[0-9A-Z]{58}|dp\.pt\.[A-Za-z0-9]{40,44})"),
    Shape(_KEY, "an Azure account key", r"\b(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{43,86}={1,2})"),
    Shape("JWT", "a signed token (JWT)", r"\beyJ[\w\-]{8}[\w\-]*\.eyJ[\w\-]*\.[\w\-]{10}[\w\-]*"),
)  # fmt: skip
_IN_ADDRESS: Final = r"(?i)\b[a-z][a-z0-9+.\-]{1,20}://[^\s/:@\"'<>]{0,100}:([^\s/@\"'`]{1,200})@[^\s/@\"'`<>]"
_IN_ODBC: Final = r"(?i)\b(?:password|pwd)=([^;\s\"'&]{4,100});"
_IN_HEADER: Final = r"(?i)\b(?:bearer|basic|token) ([A-Za-z0-9._~+/=\-]{20,1000})"
_NAME: Final = (
    r"(?:api[_\-]?key|apikey|secret(?:[_\-]?(?:key|access[_\-]?key))?|access[_\-]?(?:token|key)|auth[_\-]?token|token"
    r"|client[_\-]?secret|private[_\-]?key|passw(?:or)?d|passphrase|pwd)"
)
_QUOTED: Final = rf"(?i){_NAME}[\"']?\]?\s{{0,3}}(?:=>|:=|=|:)\s{{0,3}}[\"'`]([^\s\"'`]{{8,200}})[\"'`]"
_BARE: Final = rf"(?i){_NAME}(?:=|: ?)([A-Za-z0-9_+/=\-.!@#%^&*]{{12,200}})"


def entropy(text: str) -> float:
    """Shannon entropy of the characters, in bits per character."""
    return -sum(n / len(text) * log2(n / len(text)) for n in Counter(text).values()) if text else 0.0


def _grade(value: str) -> str:
    if _GAP_WORDS.search(value) or len(set(value)) <= 4:
        return _GAP
    return _SHAM if _SHAM_WORDS.search(value) or entropy(value) < 2.5 else _REAL


def random_looking(value: str) -> bool:
    """Whether a value is rather generated than written: letters and figures mixed, at least 3 bits per character."""
    figures = sum(c.isdigit() for c in value)
    code = re.search(r"[(){}\[\]$\\]|::|//|\w\.[a-z_]{3,}", value)
    return not code and 2 <= figures < len(value) and len(value) >= 16 and entropy(value) >= 3.0


def _shaped(shape: Shape, hit: Hit) -> tuple[str, str, str] | None:
    value = hit.text
    if shape.type == "PRIVATE_KEY":
        body = re.sub(r"-----[A-Z0-9 ]+-----?|\s|[\w\-]+: .*", "", value[:4096])
        if len(body) < 24:
            return None
        return shape.type, shape.about, _REAL
    if value.startswith("sk-"):
        body = value[3:]
        if not _GAP_WORDS.search(body) and (not any(c.isdigit() for c in body) or entropy(body) < 2.5):
            return None
    return shape.type, shape.about, _grade(value)


def _password(hit: Hit) -> tuple[str, str, str] | None:
    value = hit.text
    if _WEAK_WORDS.match(value) or _GAP_WORDS.search(value):
        return None
    return "PASSWORD", "a password in a connection string", _SHAM if _SHAM_WORDS.search(value) else _REAL


def _named(password_like: bool, hit: Hit) -> tuple[str, str, str] | None:
    value = hit.text
    if _GAP_WORDS.search(value) or _SHAM_WORDS.search(value) or _WEAK_WORDS.match(value):
        return None
    if random_looking(value):
        return "SECRET", "a value named as a secret that looks random", _REAL
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value) and re.search(r"[^\w.\-/]", value)
    if password_like and mixed and not re.search(r"[(){}\[\]\\]", value):
        return "PASSWORD", "a value named as a secret", _SHAM
    return None


def _patterns() -> list[Pattern]:
    listed: list[tuple[str, Callable[[Hit], tuple[str, str, str] | None], str | None]] = [
        (shape.regex, partial(_shaped, shape), None) for shape in SHAPES
    ]
    listed += [
        (_IN_ADDRESS, _password, r"://[^\s/@]*:[^\s/@]+@"),
        (_IN_ODBC, _password, None),
        (_IN_HEADER, partial(_named, False), r"(?i)(?:bearer|basic|token) [A-Za-z0-9._~+/=\-]{20}"),
        (_QUOTED, partial(_named, True), rf"(?i){_NAME}[\"']?\]?\s{{0,3}}(?:=|:)"),
        (_BARE, partial(_named, False), rf"(?i){_NAME}(?:=|: ?)[A-Za-z0-9_+/=\-.!@#%^&*]{{12}}"),
    ]
    return [Pattern(regex, partial(_ranked, i, accept), gate) for i, (regex, accept, gate) in enumerate(listed)]


def _ranked(
    rank: int, accept: Callable[[Hit], tuple[str, str, str] | None], hit: Hit
) -> tuple[int, tuple[str, str, str]] | None:
    said = accept(hit)
    return None if said is None else (rank, said)


@check
class Secrets(Check):
    name = "secrets"
    about = "keys, tokens and passwords"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._set = PatternSet(_patterns())

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        for row in rows:
            for field, text in row.texts():
                placed = [Placed(hit.start, hit.end, rank, said) for hit, (rank, said) in self._set.scan(text)]
                for start, end, _, (kind, about, severity) in without_overlaps(placed):
                    note = {_SHAM: "; it looks made up", _GAP: "; a gap to be filled in"}.get(severity, "")
                    yield Found(row.id, severity, field, start, end, f"{kind}: {about}{note}")
