"""Masked flights: header, choices, padding, and the global shared secret (article Handshake, section Flights)."""

import hashlib
import os
import re
import secrets
import struct
import time
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from .puzzles import PUZZLE_BYTES
from .suites import OFFERS, Refused, Suite, hkdf, hkdf_expand, label

SEED_BYTES, HEADER_BYTES, TAG_BYTES = 32, 18, 16
HEAD_BYTES = SEED_BYTES + HEADER_BYTES + TAG_BYTES
CHOICES_BYTES = 14
FLIGHT_BYTES_MAX = 16_384
PADDING_MAX = 512
RETRY_PADDING = 1_280
MINUTES_TOLERATED = 5
HANDSHAKE, RETRY = 1, 2
PEER_CONTEXT = 1
TO_RESPONDER, TO_INITIATOR = 1, 2
HEADER_PART, BODY_PART = 1, 2


class NotIntelligible(Refused):
    """What came is no flight for us: nothing is answered, bytes are read on for a while."""


@dataclass(frozen=True)
class SharedSecret:
    """The network's global shared secret, 32 bytes."""

    value: bytes

    @classmethod
    def of(cls, text: str) -> "SharedSecret":
        """From what stands in the file: 64 hexadecimal digits, or a passphrase."""
        if re.fullmatch("[0-9a-fA-F]{64}", text):
            return cls(bytes.fromhex(text))
        salt = hashlib.sha256(b"QuantumGate shared secret passphrase v1").digest()[:16]
        stretch = Argon2id(salt=salt, length=32, iterations=3, lanes=1, memory_cost=256 << 10)
        return cls(stretch.derive(text.encode()))

    @property
    def masking_key(self) -> bytes:
        return hkdf_expand(self.value, label("QuantumGate flight secret v1"), 32)

    @property
    def psk(self) -> bytes:
        return hkdf_expand(self.value, label("QuantumGate handshake secret v1"), 32)


@dataclass(frozen=True)
class Choices:
    """The first 14 bytes of a header: what is bound by the handshake."""

    lowest_version: int
    highest_version: int
    pattern: int
    suite: Suite
    minute: int
    offers: bytes = OFFERS
    kind: int = HANDSHAKE
    context: int = PEER_CONTEXT

    def encode(self) -> bytes:
        versions = self.lowest_version << 4 | self.highest_version
        head = bytes([versions, self.kind, self.pattern, self.context])
        return head + self.suite.numbers + self.offers + struct.pack(">I", self.minute)

    @classmethod
    def decode(cls, encoded: bytes) -> "Choices":
        versions, kind, pattern, context = encoded[:4]
        lowest, highest = versions >> 4, versions & 15
        if not 1 <= lowest <= highest or kind not in (HANDSHAKE, RETRY) or pattern not in (1, 2) or context not in (1, 2, 3):
            raise NotIntelligible("header that nobody writes")
        (minute,) = struct.unpack(">I", encoded[10:14])
        suite = Suite(*encoded[4:7])
        return cls(lowest, highest, pattern, suite, minute, encoded[7:10], kind, context)


def minute_now() -> int:
    return int(time.time()) // 60


class Mask:
    """Seals and opens the flights of one handshake; both directions go by the UUID that was dialled.

    Flights are counted on the connection, both ways, from 1.
    """

    def __init__(self, dialled: UUID, secret: SharedSecret | None):
        self.input = (secret.masking_key if secret else b"") + dialled.bytes

    def _cipher(self, seed: bytes, flight: int, part: int) -> ChaCha20Poly1305:
        direction = TO_RESPONDER if flight % 2 else TO_INITIATOR
        info = label("QuantumGate flight v1") + bytes([direction, flight, part])
        return ChaCha20Poly1305(hkdf(seed, self.input, info, 32))

    def seal(self, flight: int, choices: bytes, message: bytes, padding: int | None = None) -> bytes:
        """A whole flight; by default with a random amount of padding."""
        padding = secrets.randbelow(PADDING_MAX + 1) if padding is None else padding
        seed = os.urandom(SEED_BYTES)
        header = choices + struct.pack(">HH", len(message) + padding, len(message))
        sealed = self._cipher(seed, flight, HEADER_PART).encrypt(bytes(12), header, b"")
        body = self._cipher(seed, flight, BODY_PART).encrypt(bytes(12), message + bytes(padding), b"")
        return seed + sealed + body

    def open_head(self, flight: int, head: bytes) -> tuple[bytes, int, int]:
        """The choices, how many bytes follow, and how many of the plaintext are the message."""
        seed, sealed = head[:SEED_BYTES], head[SEED_BYTES:]
        try:
            header = self._cipher(seed, flight, HEADER_PART).decrypt(bytes(12), sealed, b"")
        except InvalidTag:
            raise NotIntelligible("header does not open") from None
        plain_count, message_count = struct.unpack(">HH", header[CHOICES_BYTES:])
        rest = plain_count + TAG_BYTES
        if header[1] == RETRY and message_count not in (0, PUZZLE_BYTES):
            raise NotIntelligible("message in a retry that is no puzzle")
        if message_count > plain_count or HEAD_BYTES + rest > FLIGHT_BYTES_MAX:
            raise NotIntelligible("flight's lengths")
        return header[:CHOICES_BYTES], rest, message_count

    def open_body(self, flight: int, seed: bytes, body: bytes, message_count: int) -> bytes:
        """The message; padding is not looked at."""
        try:
            return self._cipher(seed, flight, BODY_PART).decrypt(bytes(12), body, b"")[:message_count]
        except InvalidTag:
            raise NotIntelligible("body does not open") from None
