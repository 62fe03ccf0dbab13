"""Signed records of nodes, what circuits go by (article Handshake, section Identity)."""

import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .suites import Suite, label

RELAYS = 1


def node_record(
    signing: Ed25519PrivateKey, relays: bool, sequence: int, expiry: int, suites: list[Suite],
    endpoints: list[tuple[str, int]],
) -> bytes:
    """A record of version 1."""
    body = b"\x01" + b"\x01\x01" + signing.public_key().public_bytes_raw() + bytes([RELAYS if relays else 0])
    body += struct.pack(">QQ", sequence, expiry)
    body += bytes([len(suites)]) + b"".join(suite.numbers for suite in suites)
    body += bytes([len(endpoints)])
    for host, port in endpoints:
        body += struct.pack(">HB", port, len(host)) + host.encode("ascii")
    return body + signing.sign(label("QuantumGate node record v1") + body)
