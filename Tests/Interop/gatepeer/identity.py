"""Identities, node UUIDs and worker certificates (article Handshake, section Identity)."""

import hashlib
import os
import struct
import time
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from .suites import Refused, label

CERTIFICATE_BYTES = 163
CERTIFICATE_LABEL = label("QuantumGate worker certificate v1")
LIFETIME_MAX = 24 * 3600 + 600
TOLERANCE = 600
RESUMABLE = 1


def node_uuid(bundle: bytes) -> UUID:
    """The first half of the bundle's hash, with version 8 and the variant of RFC 9562 set."""
    half = bytearray(hashlib.sha256(b"QuantumGate node v1" + bundle).digest()[:16])
    half[6] = half[6] & 0x0F | 0x80
    half[8] = half[8] & 0x3F | 0x80
    return UUID(bytes=bytes(half))


@dataclass(frozen=True)
class Certificate:
    """What a node says about one worker's static key, as it came."""

    encoded: bytes

    @property
    def bundle(self) -> bytes:
        return self.encoded[1:35]

    @property
    def static(self) -> bytes:
        return self.encoded[35:67]

    @property
    def not_before(self) -> int:
        return struct.unpack(">Q", self.encoded[75:83])[0]

    @property
    def not_after(self) -> int:
        return struct.unpack(">Q", self.encoded[83:91])[0]

    @property
    def features(self) -> int:
        return struct.unpack(">Q", self.encoded[91:99])[0]

    @property
    def uuid(self) -> UUID:
        return node_uuid(self.bundle)

    @classmethod
    def decode(cls, encoded: bytes) -> "Certificate":
        if len(encoded) != CERTIFICATE_BYTES or encoded[0] != 1 or encoded[1:3] != b"\x01\x01":
            raise Refused("certificate's shape")
        return cls(encoded)

    def judge(self, static: bytes, own: UUID, dialled: UUID | None = None, now: float | None = None) -> None:
        """Refuses a certificate that does not hold, in the articles' order.

        `dialled` is what an initiator looks for; a responder has nobody in mind.
        """
        now = time.time() if now is None else now
        if self.static != static:
            raise Refused("certificate of another key")
        if dialled is not None and self.uuid != dialled:
            raise Refused("certificate of another node")
        if self.uuid == own:
            raise Refused("certificate of this node")
        lifetime = self.not_after - self.not_before
        if not 0 < lifetime <= LIFETIME_MAX:
            raise Refused("certificate's lifetime")
        if not self.not_before - TOLERANCE <= now <= self.not_after + TOLERANCE:
            raise Refused("certificate's time")
        try:
            key = Ed25519PublicKey.from_public_bytes(self.bundle[2:])
            key.verify(self.encoded[99:], CERTIFICATE_LABEL + self.encoded[:99])
        except (InvalidSignature, ValueError):
            raise Refused("certificate's signature") from None


class Identity:
    """A node's signing key, and one worker of it with its static key."""

    def __init__(self) -> None:
        self.signing = Ed25519PrivateKey.generate()
        self.static = X25519PrivateKey.generate()
        self.worker = os.urandom(8)
        self.bundle = b"\x01\x01" + self.signing.public_key().public_bytes_raw()
        self.uuid = node_uuid(self.bundle)

    def certificate(
        self, not_before: int | None = None, lifetime: int = LIFETIME_MAX, features: int = 0
    ) -> Certificate:
        """A new certificate; by default one that begins ten minutes ago and lasts as long as any may."""
        begin = int(time.time()) - 600 if not_before is None else not_before
        body = b"\x01" + self.bundle + self.static.public_key().public_bytes_raw() + self.worker
        body += struct.pack(">QQQ", begin, begin + lifetime, features)
        return Certificate(body + self.signing.sign(CERTIFICATE_LABEL + body))
