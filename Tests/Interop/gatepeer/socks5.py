"""What the SOCKS5 extender says on its streams (article Streams of the SOCKS5 extender)."""

import ipaddress
import struct

from .suites import Refused

EXTENDER = bytes.fromhex("7175616e74758d018a000000736f636b")
VERSION = 1
NAME, IPV4, IPV6 = 3, 4, 6
CONNECTED, REFUSED = 0, 5


def request(host: str, port: int) -> bytes:
    """The first bytes of the stream: the target."""
    try:
        address = ipaddress.ip_address(host)
        kind, target = (IPV4 if address.version == 4 else IPV6), address.packed
    except ValueError:
        kind, target = NAME, bytes([len(host)]) + host.encode("ascii")
    return bytes([VERSION, kind]) + struct.pack(">H", port) + target


def read_request(read) -> tuple[str, int]:
    """The target; `read(n)` gives n bytes of the stream."""
    version, kind, *port = read(4)
    if version != VERSION:
        raise Refused("version of the request")
    match kind:
        case 3:
            host = read(read(1)[0]).decode("ascii")
        case 4:
            host = str(ipaddress.IPv4Address(read(4)))
        case 6:
            host = str(ipaddress.IPv6Address(read(16)))
        case _:
            raise Refused("kind of target")
    return host, int.from_bytes(bytes(port), "big")


def answer(code: int) -> bytes:
    """The first bytes of the other direction; the code is SOCKS5's reply (RFC 1928, section 6)."""
    return bytes([VERSION, code])
