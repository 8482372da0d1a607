"""Hints of postal addresses: the shapes that street lines, boxes and postcodes have in several languages.

An address has no check digit, and a street may be anybody's: what is found here is a hint for a person, no verdict.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Shape(NamedTuple):
    """RE2 syntax of one shape, and a simpler one that matches wherever it does."""

    regex: str
    gate: str


_NAME: Final = r"[\p{Lu}0-9][\pL\pN'’.\-]{0,24}"
_ENGLISH: Final = (
    "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Drive|Dr|Lane|Ln|Court|Ct|Place|Square|Sq|Terrace|Parkway|Pkwy"
    "|Highway|Hwy|Crescent|Close|Circle|Squares?|Streets"
)
_UNIT: Final = r"(?:,?\s{1,3}(?:[Aa]pt|[Aa]partment|[Ss]uite|[Uu]nit|[Ff]lat|#)\.? ?[0-9]{1,5}[A-Z]?)"
_GERMANIC: Final = (
    "straße|strasse|str\\.|weg|gasse|platz|allee|ufer|damm|straat|laan|gracht|plein|kade|vej|gade|vænget|gatan|vägen"
    "|gata|veien|vegen|katu|tie|kuja|polku"
)
_ROMANCE: Final = (
    "[Rr]ue|[Aa]venue|[Bb]oulevard|[Cc]hemin|[Aa]llée|[Qq]uai|[Ii]mpasse|[Vv]ia|[Vv]iale|[Pp]iazza|[Cc]orso|[Cc]alle"
    "|[Aa]venida|[Pp]aseo|[Rr]ua|[Tt]ravessa|[Pp]raça|[Uu]l\\.|[Uu]lica|[Uu]lice"
)
_SMALL: Final = r"(?:(?:de|du|des|la|le|del|della|dei|di|da|do|dos|das|los|las) |[ldLD]['’])*"
_STATES: Final = (
    "A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]"
    "|W[AIVY]"
)

SHAPES: Final = (
    Shape(rf"[0-9]{{1,6}}[A-Za-z]?,? (?:{_NAME} ){{1,4}}(?:{_ENGLISH})\b\.?{_UNIT}?", rf" (?:{_ENGLISH})\b"),
    Shape(rf"[0-9]{{1,6}} {_NAME}(?: {_NAME}){{0,3}}{_UNIT}", r"(?i)(?:apt|apartment|suite|unit|flat|#)\.? ?[0-9]"),
    Shape(r"(?i)\b(?:apt\.?|apartment|suite) ?#?[0-9]{1,5}[a-z]?\b", r"(?i)\b(?:apt|apartment|suite)\b"),
    Shape(r"(?i)\bP\.? ?O\.? ?Box #?[0-9]{1,6}\b", r"(?i)\bbox #?[0-9]"),
    Shape(r"\b(?:PSC|Unit|CMR) [0-9]{1,5},? Box [0-9]{1,5}\b", r"Box [0-9]"),
    Shape(rf"[\p{{Lu}}][\pL\-]{{1,30}}(?:{_GERMANIC}),? [0-9]{{1,4}} ?[a-z]?\b", rf"(?:{_GERMANIC}),? [0-9]"),
    Shape(r"[\p{Lu}][\pL\-]{1,30}(?: [\p{Lu}][\pL\-]{1,30})? (?:utca|út|tér|u\.) [0-9]{1,4}\b",
          r"(?:utca|út|tér|u\.) [0-9]"),
    Shape(rf"[0-9]{{1,4}}(?: ?(?:bis|ter))?,? (?:{_ROMANCE}) {_SMALL}{_NAME}(?: {_NAME}){{0,2}}",
          rf"[0-9],? (?:{_ROMANCE}) "),
    Shape(rf"\b(?:{_ROMANCE}) {_SMALL}{_NAME}(?: {_SMALL}{_NAME}){{0,3}},? (?:n[º°.] ?)?[0-9]{{1,5}}\b",
          rf"\b(?:{_ROMANCE}) "),
    Shape(rf"\b(?:{_STATES}),? [0-9]{{5}}(?:-[0-9]{{4}})?\b", r"\b[A-Z][A-Z],? [0-9]{5}\b"),
    Shape(r"\b[AFD]PO,? A[AEP],? [0-9]{5}\b", r"\b[AFD]PO\b"),
    Shape(r"\b[A-PR-UWYZ][A-HK-Y]?[0-9][0-9A-HJKPSTUW]? [0-9][ABD-HJLNP-UW-Z]{2}\b",
          r"\b[A-Z][A-Z]?[0-9][0-9A-Z]? [0-9][A-Z]{2}\b"),
    Shape(r"\b[ABCEGHJ-NPRSTVXY][0-9][A-Z] [0-9][A-Z][0-9]\b", r"\b[A-Z][0-9][A-Z] [0-9][A-Z][0-9]\b"),
)  # fmt: skip
