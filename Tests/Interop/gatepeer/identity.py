"""Identities, node UUIDs and worker certificates (article Handshake, section Identity)."""

import hashlib
import os
import struct
import time
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from .suites import Refused, label

ED25519, MLDSA65 = 1, 2
SIGNATURE_BYTES = {ED25519: 64, MLDSA65: 3309}
PUBLIC_KEY_BYTES = {ED25519: 32, MLDSA65: 1952}
CERTIFICATE_LABEL = label("QuantumGate worker certificate v1")
RESPONDER_LABEL = label("QuantumGate post-quantum responder v1")
INITIATOR_LABEL = label("QuantumGate post-quantum initiator v1")
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
    """What a node says about one worker's keys, as it came."""

    encoded: bytes

    @property
    def is_post_quantum(self) -> bool:
        return self.encoded[0] == 2

    @property
    def bundle(self) -> bytes:
        return self.encoded[1:1988] if self.is_post_quantum else self.encoded[1:35]

    @property
    def _body(self) -> bytes:
        """What stands behind the bundle: keys, numbers, signatures."""
        return self.encoded[1 + len(self.bundle) :]

    @property
    def static(self) -> bytes:
        return self._body[:32]

    @property
    def worker_key(self) -> bytes | None:
        """The worker's ML-DSA key."""
        return self._body[32 : 32 + PUBLIC_KEY_BYTES[MLDSA65]] if self.is_post_quantum else None

    def _number(self, index: int) -> int:
        start = 32 + len(self.worker_key or b"") + 8 * index
        return struct.unpack(">Q", self._body[start : start + 8])[0]

    @property
    def not_before(self) -> int:
        return self._number(1)

    @property
    def not_after(self) -> int:
        return self._number(2)

    @property
    def features(self) -> int:
        return self._number(3)

    @property
    def signature_bytes(self) -> int:
        return SIGNATURE_BYTES[ED25519] + (SIGNATURE_BYTES[MLDSA65] if self.is_post_quantum else 0)

    @property
    def uuid(self) -> UUID:
        return node_uuid(self.bundle)

    @classmethod
    def decode(cls, encoded: bytes) -> "Certificate":
        certificate, rest = cls.take(encoded)
        if rest:
            raise Refused("bytes behind a certificate")
        return certificate

    @classmethod
    def take(cls, encoded: bytes) -> tuple["Certificate", bytes]:
        """A certificate off the front, and what stands behind it."""
        if encoded[:3] == b"\x01\x01\x01":
            count = CERTIFICATE_BYTES
        elif encoded[:3] == b"\x02\x02\x01" and encoded[35:36] == b"\x02":
            count = POST_QUANTUM_CERTIFICATE_BYTES
        else:
            raise Refused("certificate's shape")
        if len(encoded) < count:
            raise Refused("certificate's length")
        return cls(encoded[:count]), encoded[count:]

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
            split = len(self.encoded) - self.signature_bytes
            signed, signatures = CERTIFICATE_LABEL + self.encoded[:split], self.encoded[split:]
            Ed25519PublicKey.from_public_bytes(self.bundle[2:34]).verify(signatures[:64], signed)
            if self.is_post_quantum:
                MLDSA65PublicKey.from_public_bytes(self.bundle[35:]).verify(signatures[64:], signed)
        except (InvalidSignature, ValueError):
            raise Refused("certificate's signature") from None

    def judge_signature(self, signature: bytes, role_label: bytes, handshake_hash: bytes) -> None:
        """Refuses a handshake that the certificate's worker, if it has an ML-DSA key, did not sign."""
        if self.worker_key is None:
            return
        try:
            MLDSA65PublicKey.from_public_bytes(self.worker_key).verify(signature, role_label + handshake_hash)
        except InvalidSignature:
            raise Refused("handshake's signature") from None


CERTIFICATE_BYTES = 1 + 34 + 32 + 32 + 64
POST_QUANTUM_CERTIFICATE_BYTES = 1 + 1987 + 32 + 1952 + 32 + 64 + 3309


class Identity:
    """A node's signing keys, and one worker of it with its static key, and an ML-DSA key where the node has one."""

    def __init__(self, is_post_quantum: bool = False) -> None:
        self.signing = Ed25519PrivateKey.generate()
        self.static = X25519PrivateKey.generate()
        self.worker = os.urandom(8)
        self.other_signing = MLDSA65PrivateKey.generate() if is_post_quantum else None
        self.worker_signing = MLDSA65PrivateKey.generate() if is_post_quantum else None
        self.bundle = b"\x01" + self.signing.public_key().public_bytes_raw()
        if self.other_signing:
            self.bundle += b"\x02" + self.other_signing.public_key().public_bytes_raw()
        self.bundle = (b"\x02" if is_post_quantum else b"\x01") + self.bundle
        self.uuid = node_uuid(self.bundle)

    def sign_handshake(self, role_label: bytes, handshake_hash: bytes) -> bytes:
        """What stands behind the certificate: nothing without an ML-DSA key."""
        return self.worker_signing.sign(role_label + handshake_hash) if self.worker_signing else b""

    def certificate(
        self, not_before: int | None = None, lifetime: int = LIFETIME_MAX, features: int = 0
    ) -> Certificate:
        """A new certificate; by default one that begins ten minutes ago and lasts as long as any may."""
        begin = int(time.time()) - 600 if not_before is None else not_before
        body = self.bundle[:1] + self.bundle + self.static.public_key().public_bytes_raw()
        if self.worker_signing:
            body += self.worker_signing.public_key().public_bytes_raw()
        body += self.worker + struct.pack(">QQQ", begin, begin + lifetime, features)
        signed = CERTIFICATE_LABEL + body
        signatures = self.signing.sign(signed) + (self.other_signing.sign(signed) if self.other_signing else b"")
        return Certificate(body + signatures)
