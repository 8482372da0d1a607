"""Keys and passwords taken out of texts that are kept or shown: crash reports, logs, error messages.

Works on two things: the shapes that keys have, and the values of environment variables whose names say that they are
secret. It is the last net, not a licence to write secrets down.
"""

from __future__ import annotations

import os
import re

REDACTED = "<redacted>"

_SECRET_NAME = re.compile(r"(?i)(?:^|_)(?:key|token|secret|password|passwd|credentials?)$")
_SHORTEST_VALUE = 8

_SHAPES = (
    re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.{0,10000}?-----END [A-Z ]{0,40}PRIVATE KEY-----", re.DOTALL),
    re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{12,}"),
    re.compile(r"\bhf_[A-Za-z0-9]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"),
    re.compile(r"\bAKIA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,}|\bxox[abposr]-[A-Za-z0-9-]{10,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
)
_AFTER_A_NAME = re.compile(
    r"(?i)(\b(?:bearer|basic)[ ]+|\b[\w-]{0,40}(?:api[_-]?key|token|secret|password|passwd|authorization)"
    r"[\"']?[ ]{0,3}[:=][ ]{0,3}(?:(?:bearer|basic)[ ]+)?[\"']?)([^\s\"'&,;)}\]]{6,})"
)
_IN_ADDRESS = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,100}:)([^\s/@]{1,200})(?=@)")


def redact(text: str) -> str:
    """`text` with every known secret value and everything shaped like a key replaced by `<redacted>`."""
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST_VALUE and _SECRET_NAME.search(name):
            text = text.replace(value, REDACTED)
    for shape in _SHAPES:
        text = shape.sub(REDACTED, text)
    text = _IN_ADDRESS.sub(rf"\1{REDACTED}", text)
    return _AFTER_A_NAME.sub(lambda match: match[1] + REDACTED, text)
