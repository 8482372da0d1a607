"""National identity and tax numbers: shape, check digit, and whether the number must be named to count.

A number whose check digit lets one random number in eleven through is a finding only beside its name ("BSN:", "NHS
number"), because figures of nine to thirteen digits are common in data; one with letters, a date and a check digit
stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

from flywheel_tui.stages.validate.checksums import digits_of, luhn, mod11_10, verhoeff, weighted


class NationalId(NamedTuple):
    """One kind of number. `regex` is RE2 syntax; `label` (Python `re`, on lower case) must stand before it if given."""

    type: str
    about: str
    regex: str
    valid: Callable[[str], bool]
    label: str | None = None


def _date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _yymmdd(d: str) -> bool:
    return _date(2000 + int(d[:2]), int(d[2:4]), int(d[4:6])) or _date(1900 + int(d[:2]), int(d[2:4]), int(d[4:6]))


def _ddmmyy(d: str) -> bool:
    return _yymmdd(d[4:6] + d[2:4] + d[:2])


def _us_ssn(text: str) -> bool:
    d = digits_of(text)
    return d[:3] not in ("000", "666") and d[0] != "9" and d[3:5] != "00" and d[5:] != "0000" and len(set(d)) > 1


def _us_itin(text: str) -> bool:
    group = int(digits_of(text)[3:5])
    return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99


def _uk_nino(text: str) -> bool:
    t = text.replace(" ", "").upper()
    return t[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _uk_nhs(text: str) -> bool:
    d = digits_of(text)
    return (11 - weighted(d, range(10, 1, -1)) % 11) % 11 == int(d[9])


def _de_tax(text: str) -> bool:
    d = digits_of(text)
    most = max(d[:10].count(c) for c in "0123456789")
    return d[0] != "0" and 2 <= most <= 3 and mod11_10(d)


def _es_dni(text: str) -> bool:
    t = text.replace("-", "").replace(" ", "").replace(".", "").upper()
    number = str("XYZ".index(t[0])) + t[1:-1] if t[0] in "XYZ" else t[:-1]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == t[-1]


_CF_ODD: Final = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16,
         10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip


def _it_cf(text: str) -> bool:
    t = text.upper()
    total = sum(_CF_ODD[c] if i % 2 == 0 else (int(c) if c.isdigit() else ord(c) - 65) for i, c in enumerate(t[:15]))
    return chr(65 + total % 26) == t[15]


def _fr_nir(text: str) -> bool:
    t = re.sub(r"[ .]", "", text).upper().replace("2A", "19").replace("2B", "18")
    return t.isdigit() and len(t) == 15 and 97 - int(t[:13]) % 97 == int(t[13:])


def _nl_bsn(text: str) -> bool:
    d = digits_of(text).zfill(9)
    return (weighted(d, range(9, 1, -1)) - int(d[8])) % 11 == 0 and int(d) > 0


def _be_rrn(text: str) -> bool:
    d = digits_of(text)
    return any(97 - int(century + d[:9]) % 97 == int(d[9:]) for century in ("", "2"))


def _pl_pesel(text: str) -> bool:
    d = digits_of(text)
    month = int(d[2:4]) % 20
    return 1 <= month <= 12 and 1 <= int(d[4:6]) <= 31 and weighted(d, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def _pt_nif(text: str) -> bool:
    d = digits_of(text)
    return (11 - weighted(d, range(9, 1, -1)) % 11) % 11 % 10 == int(d[8])


def _br_cpf(text: str) -> bool:
    d = digits_of(text)
    first = weighted(d, range(10, 1, -1)) * 10 % 11 % 10
    return len(set(d)) > 1 and first == int(d[9]) and weighted(d, range(11, 1, -1)) * 10 % 11 % 10 == int(d[10])


def _in_aadhaar(text: str) -> bool:
    d = digits_of(text)
    return d[0] in "23456789" and d != d[::-1] and verhoeff(d)


def _personal_luhn(text: str) -> bool:
    d = digits_of(text)[-10:]
    return luhn(d) and _yymmdd(d[:4] + f"{int(d[4:6]) % 60:02d}")


def _no_fnr(text: str) -> bool:
    d = digits_of(text)
    first = -weighted(d, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    return first == int(d[9]) and -weighted(d, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11 == int(d[10])


def _fi_hetu(text: str) -> bool:
    return _ddmmyy(text[:6]) and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(text[:6] + text[7:10]) % 31] == text[10].upper()


def _ean13(text: str) -> bool:
    return weighted(digits_of(text), (1, 3) * 6 + (1,)) % 10 == 0


def _cn_ric(text: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    born = _date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    return born and "10X98765432"[weighted(text[:17], weights) % 11] == text[17].upper()


def _kr_rrn(text: str) -> bool:
    return _yymmdd(digits_of(text)[:6])


def _mx_curp(text: str) -> bool:
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    t = text.upper()
    return _yymmdd(t[4:10]) and (10 - sum(alphabet.index(c) * (18 - i) for i, c in enumerate(t[:17])) % 10) % 10 == int(
        t[17]
    )


def _cl_rut(text: str) -> bool:
    d, check = digits_of(text.rsplit("-", 1)[0]), text[-1].upper()
    return "0K987654321"[weighted(d[::-1], (2, 3, 4, 5, 6, 7, 2, 3)) % 11] == check


def _cz_rc(text: str) -> bool:
    d = digits_of(text)
    month = int(d[2:4]) % 50
    return int(d) % 11 == 0 and 1 <= (month - 20 if month > 20 else month) <= 12 and 1 <= int(d[4:6]) <= 31


def _ie_pps(text: str) -> bool:
    t = text.upper()
    extra = (ord(t[8]) - 64) * 9 if len(t) == 9 and t[8] != "W" else 0
    return "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(t[:7], range(8, 1, -1)) + extra) % 23] == t[7]


def _sg_nric(text: str) -> bool:
    t = text.upper()
    total = weighted(t[1:8], (2, 7, 6, 5, 4, 3, 2)) + (4 if t[0] in "TG" else 0)
    return ("JZIHGFEDCBA" if t[0] in "ST" else "XWUTRQPNMLK")[total % 11] == t[8]


def _th_id(text: str) -> bool:
    d = digits_of(text)
    return (11 - weighted(d, range(13, 1, -1)) % 11) % 10 == int(d[12])


def _tr_tckn(text: str) -> bool:
    d = [int(c) for c in digits_of(text)]
    tenth = (sum(d[0:9:2]) * 7 - sum(d[1:8:2])) % 10
    return d[0] != 0 and tenth == d[9] and sum(d[:10]) % 10 == d[10]


def _au_tfn(text: str) -> bool:
    return weighted(digits_of(text), (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _ro_cnp(text: str) -> bool:
    d = digits_of(text)
    return d[0] != "0" and _yymmdd(d[1:7]) and weighted(d, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11 % 10 == int(d[12])


def _any(_: str) -> bool:
    return True


IDS: Final = (
    NationalId("US_SSN", "a US social security number", r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", _us_ssn),
    NationalId("US_SSN", "a US social security number", r"\b[0-9]{3} ?[0-9]{2} ?[0-9]{4}\b", _us_ssn,
               r"\bssn\b|social security"),
    NationalId("US_ITIN", "a US taxpayer number", r"\b9[0-9]{2}-[0-9]{2}-[0-9]{4}\b", _us_itin),
    NationalId("UK_NINO", "a UK national insurance number",
               r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]\b", _uk_nino),
    NationalId("UK_NHS", "an NHS number", r"\b[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}\b", _uk_nhs, r"\bnhs\b"),
    NationalId("DE_TAX_ID", "a German tax number", r"\b[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}\b", _de_tax,
               r"steuer-?\s?id|idnr|steuerliche identifikation|tax (?:id|number)|steuernummer"),
    NationalId("ES_DNI", "a Spanish DNI or NIE", r"\b(?:[0-9]{8}|[XYZ]-?[0-9]{7})[ -]?[A-HJ-NP-TV-Z]\b", _es_dni),
    NationalId("IT_CODICE_FISCALE", "an Italian tax code",
               r"(?i)\b[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPR-T][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]\b", _it_cf),
    NationalId("FR_NIR", "a French social security number",
               r"\b[12][ .]?[0-9]{2}[ .]?(?:0[1-9]|1[0-2]|[2-9][0-9])[ .]?[0-9][0-9AB][ .]?[0-9]{3}[ .]?[0-9]{3}"
               r"[ .]?[0-9]{2}\b", _fr_nir),
    NationalId("NL_BSN", "a Dutch citizen service number", r"\b[0-9]{4}[. ]?[0-9]{2}[. ]?[0-9]{3}\b", _nl_bsn,
               r"\bbsn\b|burgerservice|sofi-?nummer"),
    NationalId("BE_RRN", "a Belgian national register number", r"\b[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}\b",
               _be_rrn),
    NationalId("PL_PESEL", "a Polish PESEL", r"\b[0-9]{11}\b", _pl_pesel, r"pesel"),
    NationalId("PT_NIF", "a Portuguese tax number", r"\b[0-9]{3} ?[0-9]{3} ?[0-9]{3}\b", _pt_nif,
               r"\bnif\b|contribuinte"),
    NationalId("BR_CPF", "a Brazilian CPF", r"\b[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}\b", _br_cpf),
    NationalId("BR_CPF", "a Brazilian CPF", r"\b[0-9]{11}\b", _br_cpf, r"\bcpf\b"),
    NationalId("IN_AADHAAR", "an Aadhaar number", r"\b[2-9][0-9]{3}[ -][0-9]{4}[ -][0-9]{4}\b", _in_aadhaar),
    NationalId("IN_AADHAAR", "an Aadhaar number", r"\b[2-9][0-9]{11}\b", _in_aadhaar, r"aadhaa?r|\buid(?:ai)?\b"),
    NationalId("IN_PAN", "an Indian PAN", r"\b[A-Z]{3}[ABCFGHLJPT][A-Z][0-9]{4}[A-Z]\b", _any),
    NationalId("SE_PERSONNUMMER", "a Swedish personal number", r"\b(?:19|20)?[0-9]{6}[-+][0-9]{4}\b", _personal_luhn),
    NationalId("NO_FNR", "a Norwegian birth number", r"\b[0-9]{6} ?[0-9]{5}\b", _no_fnr,
               r"f[øo]dselsnummer|personnummer|\bfnr\b"),
    NationalId("DK_CPR", "a Danish CPR number", r"\b[0-3][0-9][01][0-9]{3}-?[0-9]{4}\b", _ddmmyy, r"\bcpr\b"),
    NationalId("FI_HETU", "a Finnish personal code", r"\b[0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]{3}[0-9A-Y]\b", _fi_hetu),
    NationalId("CH_AHV", "a Swiss AHV number", r"\b756[. ]?[0-9]{4}[. ]?[0-9]{4}[. ]?[0-9]{2}\b", _ean13),
    NationalId("CA_SIN", "a Canadian social insurance number", r"\b[1-79][0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{3}\b", luhn,
               r"\bsin\b|social insurance|\bnas\b"),
    NationalId("AU_TFN", "an Australian tax file number", r"\b[0-9]{3} ?[0-9]{3} ?[0-9]{3}\b", _au_tfn,
               r"\btfn\b|tax file"),
    NationalId("ZA_ID", "a South African identity number", r"\b[0-9]{13}\b",
               lambda t: _yymmdd(t[:6]) and luhn(t), r"\bid(?:entity)?\b"),
    NationalId("CN_RIC", "a Chinese resident identity number", r"\b[1-9][0-9]{16}[0-9Xx]\b", _cn_ric),
    NationalId("KR_RRN", "a Korean resident number", r"\b[0-9]{6}-[1-4][0-9]{6}\b", _kr_rrn),
    NationalId("MX_CURP", "a Mexican CURP", r"\b[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[0-9A-Z][0-9]\b", _mx_curp),
    NationalId("CL_RUT", "a Chilean RUT", r"\b[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}-[0-9Kk]\b", _cl_rut),
    NationalId("CZ_RC", "a Czech or Slovak birth number", r"\b[0-9]{6}/[0-9]{4}\b", _cz_rc),
    NationalId("IE_PPS", "an Irish PPS number", r"\b[0-9]{7}[A-W][A-IW]?\b", _ie_pps),
    NationalId("SG_NRIC", "a Singapore NRIC", r"\b[STFG][0-9]{7}[A-Z]\b", _sg_nric),
    NationalId("TH_ID", "a Thai identity number", r"\b[1-8]-[0-9]{4}-[0-9]{5}-[0-9]{2}-[0-9]\b", _th_id),
    NationalId("TR_TCKN", "a Turkish identity number", r"\b[1-9][0-9]{10}\b", _tr_tckn,
               r"\bt\.?c\.?\b|kimlik|tckn"),
    NationalId("RO_CNP", "a Romanian CNP", r"\b[1-9][0-9]{12}\b", _ro_cnp, r"\bcnp\b"),
    NationalId("PASSPORT", "a passport number", r"\b[A-Z]{0,2}[0-9]{6,9}\b", _any,
               r"pass(?:port|eport|aporte|aporto|nummer|nr)"),
    NationalId("DRIVER_LICENCE", "a driving licence number", r"\b[A-Z0-9]{1,5}-?[0-9]{2,8}(?:-[0-9]{2,6}){0,2}\b", _any,
               r"driv(?:er|ing)(?:'?s)? licen[cs]e|f[üu]hrerschein|permis de conduire"),
)  # fmt: skip
