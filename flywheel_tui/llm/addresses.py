"""Which network addresses a back end may talk to.

Metadata services of clouds and link-local addresses are refused always, private ones where the provider is a public
service. Names are resolved first and the connection goes to the very addresses that were looked at.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_NEVER = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "169.254.0.0/16",
            "100.100.100.200/32",  # metadata of one cloud lies in shared address space
            "192.0.0.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "::/128",
            "fe80::/10",
            "fec0::/10",
            "fd00:ec2::254/128",
            "fd20:ce::254/128",
            "ff00::/8",
        ),
    )
)
_NAT64 = ip_network("64:ff9b::/96")


def real_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address that `text` stands for; IPv4 hidden in IPv6 (mapped, 6to4, NAT64) is taken out. None for names."""
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if hidden := address.ipv4_mapped or address.sixtofour:
            return hidden
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        if int(address) >> 32 == 0 and int(address) > 1:
            return IPv4Address(int(address))
    return address


def is_loopback(text: str) -> bool:
    """Whether a host (name or address) is this machine."""
    name = text.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = real_address(text)
    return address is not None and address.is_loopback


def refusal(text: str, *, allow_private: bool, secret_in_clear: bool = False) -> str:
    """Why a connection to this address is refused, or an empty string.

    `secret_in_clear` says that a key would travel without encryption: that is taken on private networks only.
    """
    address = real_address(text)
    if address is None:
        return f"{text!r} is not an address"
    if any(address in network for network in _NEVER if network.version == address.version):
        return f"{address} is a link-local, metadata or reserved address"
    private = address.is_loopback or not address.is_global
    if private and not allow_private:
        return f"{address} is a private address, and this provider is a public service"
    if not private and secret_in_clear:
        return f"{address} is public and http:// would send the key unencrypted; use https://"
    return ""
