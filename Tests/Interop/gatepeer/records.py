"""Records: masked lengths, sealed plaintexts, padding (article Sessions, section Records)."""

import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass

from .suites import Refused, Suite, label, siphash24

PLAINTEXT_BYTES_MAX = 65_518
TAG_BYTES = 16
PADDING_MAX = 64
FROM_INITIATOR, FROM_RESPONDER = 0, 1


@dataclass(frozen=True)
class SessionSecrets:
    """What comes out of a handshake."""

    suite: Suite
    chaining_key: bytes
    handshake_hash: bytes

    @property
    def root(self) -> bytes:
        info = label("QuantumGate root v1") + self.handshake_hash
        return self.suite.expand(self.chaining_key, info, self.suite.hash_bytes)

    @property
    def session_id(self) -> bytes:
        return hashlib.sha256(label("QuantumGate session v1") + self.handshake_hash).digest()[:16]

    @property
    def resumption_secret(self) -> bytes:
        """Of the root of epoch 0, whatever updates follow."""
        return self.suite.expand(self.root, label("QuantumGate resumption v1") + self.suite.numbers + bytes(4), 32)


def resumption_proof(session_id: bytes, secret: bytes, hash_after_answer: bytes) -> bytes:
    """What goes behind the certificate in flight 3 to go on with a session (article Resumption)."""
    text = label("QuantumGate resumption proof v1") + session_id + hash_after_answer
    return session_id + hmac.new(secret, text, hashlib.sha256).digest()


class RecordDirection:
    """Seals or opens the records of one direction in one epoch, in order."""

    def __init__(self, suite: Suite, root: bytes, direction: int, epoch: int = 0):
        self.suite = suite

        def key(text: str, byte_count: int) -> bytes:
            info = label(text) + suite.numbers + bytes([direction]) + struct.pack(">I", epoch)
            return suite.expand(root, info, byte_count)

        self.key = key("QuantumGate record key v1", 32)
        self.length_key = key("QuantumGate length key v1", 16)
        self.counter = 0

    def _masked(self, length: bytes) -> bytes:
        mask = siphash24(self.length_key, struct.pack("<Q", self.counter))
        return bytes([length[0] ^ mask[0], length[1] ^ mask[1]])

    def seal(self, plaintext: bytes, padding: int | None = None) -> bytes:
        """A whole record; by default with a random amount of padding, as far as there is room."""
        padding = secrets.randbelow(PADDING_MAX + 1) if padding is None else padding
        plaintext += bytes(min(padding, PLAINTEXT_BYTES_MAX - len(plaintext)))
        length = self._masked(struct.pack(">H", len(plaintext) + TAG_BYTES))
        sealed = self.suite.seal(self.key, self.counter, plaintext, length)
        self.counter += 1
        return length + sealed

    def rest_count(self, masked_length: bytes) -> int:
        """How many bytes follow the two of the length."""
        (count,) = struct.unpack(">H", self._masked(masked_length))
        if count < TAG_BYTES:
            raise Refused("record's length")
        return count

    def open(self, masked_length: bytes, rest: bytes) -> bytes:
        plaintext = self.suite.open(self.key, self.counter, rest, masked_length)
        self.counter += 1
        return plaintext
