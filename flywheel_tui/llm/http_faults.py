"""What an HTTP status and the error document beside it mean."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.llm.endpoint import Endpoint
from flywheel_tui.llm.faults import BackendFault, Kind
from flywheel_tui.llm.retry_after import read_retry_after
from flywheel_tui.llm.wire import Answer

_SPENT = (
    "insufficient_quota",
    "credit_balance",
    "credit balance",
    "spend_limit",
    "spending limit",
    "billing",
    "insufficient credits",
    "exceeded your current quota",
)
_TOO_LONG = (
    "context_length_exceeded",
    "maximum context length",
    "prompt is too long",
    "context window",
    "exceeds the available context",
    "input is too long",
    "exceed_context_size",
)
_FILTERED = ("content_filter", "content_policy", "content management policy", "flagged", "moderation")


class ErrorText(NamedTuple):
    """What an error document says: its sentence, and all its short codes in one lower-case string."""

    message: str
    codes: str
    code: int | None = None


def error_text(body: bytes) -> ErrorText:
    """The error in a body of any of the dialects; what is not JSON is quoted from its beginning."""
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        start = body[:200].decode("utf-8", "replace").strip()
        return ErrorText(start, start.lower())
    return describe(document)


def describe(document: Any) -> ErrorText:
    """The same for a decoded document: `{"error": …}`, the inside of it, or `{"message"|"detail": …}`."""
    inner = document.get("error", document) if isinstance(document, Mapping) else document
    if not isinstance(inner, Mapping):
        text = str(inner)[:1000]
        return ErrorText(text, text.lower())
    message = inner.get("message") or inner.get("detail") or inner.get("error") or ""
    codes = [str(inner.get(name)) for name in ("code", "type", "error_code", "param", "status") if inner.get(name)]
    for name in ("metadata", "details"):
        if isinstance(inner.get(name), Mapping):
            codes += [f"{key} {value}" for key, value in inner[name].items()]
            message = f"{message} ({inner[name]['raw']})" if "raw" in inner[name] else message
    code = inner.get("code")
    number = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdigit()) else None
    text = str(message)[:1000] or ", ".join(codes)[:300]
    return ErrorText(text, f"{' '.join(codes)} {text}".lower()[:4000], number)


def status_fault(answer: Answer, endpoint: Endpoint) -> BackendFault:
    """The fault that a status other than 200 is."""
    return fault_for(answer.status, error_text(answer.body), answer.headers, endpoint)


def fault_for(status: int, error: ErrorText, headers: Mapping[str, str], endpoint: Endpoint) -> BackendFault:
    """The fault for a status (of HTTP, or given inside a reply with HTTP 200) and what was said beside it."""
    kind = _classify(status, error, headers)
    said = f": {error.message}" if error.message else ""
    wait = read_retry_after(headers, time.time()) if kind in ("rate_limited", "overloaded") else None
    message = f"{endpoint.base_url} answered {status}{_MEANING.get(kind, '')}{endpoint.scrub(said)[:500]}"
    return BackendFault(kind, message, retry_after=wait, status=status)


_MEANING: dict[Kind, str] = {
    "auth": ", the key is missing or refused",
    "quota": ", the account has nothing left to spend",
    "rate_limited": ", too many requests",
    "ctx_truncated": ", the prompt does not fit the model's context",
    "content_filter": ", its content filter stepped in",
}


def _classify(status: int, error: ErrorText, headers: Mapping[str, str]) -> Kind:
    says = error.codes
    match status:
        case 401:
            return "auth"
        case 402:
            return "quota"
        case 403:
            return "content_filter" if _any(says, _FILTERED) else "auth"
        case 408:
            return "timeout"
        case 409 | 425:
            return "overloaded"
        case 429 if _any(says, _SPENT) and "retry-after" not in headers:
            return "quota"
        case 429:
            return "rate_limited"
        case 501 | 505:
            return "http_4xx"
        case _ if status >= 500:
            return "overloaded"
        case _ if 300 <= status < 400:
            return "http_4xx"
        case _ if status < 300:
            return "truncated"
        case _ if _any(says, _TOO_LONG):
            return "ctx_truncated"
        case _ if _any(says, _FILTERED):
            return "content_filter"
        case _ if _any(says, _SPENT):
            return "quota"
        case 413:
            return "too_large"
    return "http_4xx"


def _any(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)
