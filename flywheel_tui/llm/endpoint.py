"""An address of a server with the key that belongs to it, and to no other host."""

from __future__ import annotations

import re
import urllib.request
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

import httpx
from pydantic import SecretStr

from flywheel_tui.errors import InputError
from flywheel_tui.llm.addresses import is_loopback, real_address, refusal
from flywheel_tui.redaction import REDACTED, redact

_SHORTEST_PART = 12
_NUMBERS = re.compile(r"(?i)(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*\.?")
_PORTS = {"http": 80, "https": 443}


class HiddenStr(str):
    """A header's value that prints as `<redacted>` in tracebacks that show variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(REDACTED)


class Endpoint:
    """Where a back end sends its requests. Raises InputError where the address cannot be used."""

    def __init__(
        self,
        base_url: str,
        *,
        key: SecretStr | None = None,
        key_header: str = "Authorization",
        key_prefix: str = "Bearer ",
        allow_private: bool = True,
        setting: str = "base_url",
    ) -> None:
        self.base_url = base_url.strip().rstrip("/")
        self._setting = setting
        parts = self._checked(self.base_url)
        self.scheme, self.host = parts.scheme, httpx.URL(self.base_url).host
        self.port = parts.port or _PORTS[self.scheme]
        self._key = key if key is not None and key.get_secret_value().strip() else None
        self._key_header, self._key_prefix = key_header, key_prefix
        self.allow_private = allow_private
        self.loopback = is_loopback(self.host)
        if _NUMBERS.fullmatch(self.host) and real_address(self.host) is None:
            self._refuse("its host is an address in an unusual notation; write it as 192.168.1.5")
        if real_address(self.host) is not None and (why := self.refusal(self.host)):
            self._refuse(why)
        if self.loopback and not allow_private:
            self._refuse("this provider is a public service")
        self.proxy = self._proxy()

    def _checked(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018 - reading it checks it
            httpx.URL(url)
        except (ValueError, httpx.InvalidURL) as error:
            self._refuse(str(error))
        if parts.scheme not in ("http", "https"):
            self._refuse("it must begin with http:// or https://")
        if not parts.hostname:
            self._refuse("it names no host")
        if parts.username is not None or parts.password is not None:
            self._refuse("it holds a user name or password; set the key in its own setting")
        if parts.query or parts.fragment:
            self._refuse("it holds a ? or #; give the part before it, and the key in its own setting")
        if any(ord(character) < 33 or character == "\\" for character in url):
            self._refuse("it holds white space, a control character or a backslash")
        return parts

    def _refuse(self, why: str) -> NoReturn:
        shown = redact(self.base_url.partition("?")[0])[:200]
        raise InputError(
            f"{shown!r} cannot be used: {why}", field=self._setting, remedy="correct the address"
        ) from None

    @property
    def place(self) -> str:
        """The host as breakers and prices name it."""
        if self.loopback:
            return "loopback"
        return self.host

    @property
    def has_key(self) -> bool:
        """Whether a key is set."""
        return self._key is not None

    def refusal(self, address: str) -> str:
        """Why a connection to this resolved address is refused, or an empty string."""
        in_clear = self._key is not None and self.scheme == "http"
        return refusal(address, allow_private=self.allow_private, secret_in_clear=in_clear)

    def owns(self, scheme: str, host: str, port: int | None) -> bool:
        """Whether an address is this server's: only there the key may go."""
        return (scheme, host, port or _PORTS.get(scheme)) == (self.scheme, self.host, self.port)

    def key_headers(self) -> dict[str, str]:
        """The header with the key; made for one request and kept nowhere."""
        if self._key is None:
            return {}
        return {self._key_header: HiddenStr(self._key_prefix + self._key.get_secret_value().strip())}

    def scrub(self, text: str) -> str:
        """`text` without the key, even where a server repeats it, and without anything else shaped like one."""
        return redact(self.scrub_bytes(text.encode("utf-8", "replace")).decode())

    def scrub_bytes(self, data: bytes) -> bytes:
        """A server's answer without the key: servers quote it, whole or its ends, to say that it is wrong."""
        if self._key is None:
            return data
        secret = self._key.get_secret_value().strip().encode()
        parts = [secret]
        if len(secret) > _SHORTEST_PART:
            parts += [secret[:_SHORTEST_PART], secret[-_SHORTEST_PART:]]
        for part in parts:
            if part in data:
                data = data.replace(part, REDACTED.encode())
        return data

    def _proxy(self) -> str | None:
        """The proxy of the environment; never for this machine or a private address."""
        address = real_address(self.host)
        if self.loopback or (address is not None and not address.is_global):
            return None
        if urllib.request.proxy_bypass(self.host):
            return None
        return urllib.request.getproxies().get(self.scheme)

    def __repr__(self) -> str:
        return f"Endpoint({self.base_url!r}, key={'set' if self._key else 'none'})"
