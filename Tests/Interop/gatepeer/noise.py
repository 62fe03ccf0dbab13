"""The Noise Protocol Framework, revision 34 with the hfs extension: XXhfs and NXhfs, with and without psk0."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from .suites import Refused, Suite

MUTUAL, ANONYMOUS = 1, 2
PATTERNS = {
    MUTUAL: ("XX", (("e", "e1"), ("e", "ee", "ekem1", "s", "es"), ("s", "se"))),
    ANONYMOUS: ("NX", (("e", "e1"), ("e", "ee", "ekem1", "s", "es"))),
}


class SymmetricState:
    """Chaining key, handshake hash and the key of the moment."""

    def __init__(self, suite: Suite, name: str):
        self.suite = suite
        encoded = name.encode("ascii")
        fits = len(encoded) <= suite.hash_bytes
        self.hash = encoded.ljust(suite.hash_bytes, b"\0") if fits else suite.hash(encoded)
        self.chaining_key = self.hash
        self.key: bytes | None = None
        self.counter = 0

    def outputs(self, secret: bytes, count: int) -> list[bytes]:
        """Noise's HKDF: `count` values of the hash's length."""
        size = self.suite.hash_bytes
        extracted = self.suite.hmac(self.chaining_key, secret)
        expanded = self.suite.expand(extracted, b"", count * size)
        return [expanded[index * size : (index + 1) * size] for index in range(count)]

    def mix_hash(self, data: bytes) -> None:
        self.hash = self.suite.hash(self.hash + data)

    def mix_key(self, secret: bytes) -> None:
        self.chaining_key, key = self.outputs(secret, 2)
        self.key, self.counter = key[:32], 0

    def mix_key_and_hash(self, secret: bytes) -> None:
        self.chaining_key, mixed, key = self.outputs(secret, 3)
        self.mix_hash(mixed)
        self.key, self.counter = key[:32], 0

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        output = plaintext
        if self.key is not None:
            output = self.suite.seal(self.key, self.counter, plaintext, self.hash)
            self.counter += 1
        self.mix_hash(output)
        return output

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        output = ciphertext
        if self.key is not None:
            output = self.suite.open(self.key, self.counter, ciphertext, self.hash)
            self.counter += 1
        self.mix_hash(ciphertext)
        return output


class NoiseHandshake:
    """One side of a handshake: messages are written and read in turn, the initiator's first."""

    def __init__(
        self, suite: Suite, pattern: int, is_initiator: bool, prologue: bytes,
        static: X25519PrivateKey | None, psk: bytes | None = None,
    ):
        letters, messages = PATTERNS[pattern]
        self.messages = [list(tokens) for tokens in messages]
        if psk is not None:
            self.messages[0].insert(0, "psk")
        name = f"Noise_{letters}hfs{'+psk0' if psk is not None else ''}_{suite.name}"
        self.suite, self.is_initiator, self.static, self.psk = suite, is_initiator, static, psk
        self.state = SymmetricState(suite, name)
        self.state.mix_hash(prologue)
        self.ephemeral: X25519PrivateKey | None = None
        self.kem_key = None
        self.remote_kem_key = b""
        self.remote_ephemeral = b""
        self.remote_static = b""
        self.payload_hash = b""  # as it was before the payload of the last message

    @property
    def is_complete(self) -> bool:
        return not self.messages

    def write(self, payload: bytes | Callable[[bytes], bytes]) -> bytes:
        """The next message, which is this side's; the payload may be made of the hash of all before it."""
        message = b""
        for token in self.messages.pop(0):
            match token:
                case "e":
                    self.ephemeral = X25519PrivateKey.generate()
                    public = self.ephemeral.public_key().public_bytes_raw()
                    message += public
                    self._mix_ephemeral(public)
                case "e1":
                    self.kem_key = self.suite.kem.private_key.generate()
                    message += self.state.encrypt_and_hash(self.kem_key.public_key().public_bytes_raw())
                case "ekem1":
                    secret, ciphertext = self.suite.kem.encapsulate(self.remote_kem_key)
                    message += self.state.encrypt_and_hash(ciphertext)
                    self.state.mix_key(secret)
                case "s":
                    message += self.state.encrypt_and_hash(self.static.public_key().public_bytes_raw())
                case _:
                    self._mix(token)
        self.payload_hash = self.state.hash
        return message + self.state.encrypt_and_hash(payload(self.payload_hash) if callable(payload) else payload)

    def read(self, message: bytes) -> bytes:
        """The payload of the other side's next message."""

        def taken(byte_count: int, sealed: bool) -> bytes:
            nonlocal message
            byte_count += 16 if sealed and self.state.key is not None else 0
            if len(message) < byte_count:
                raise Refused("Noise message too short")
            part, message = message[:byte_count], message[byte_count:]
            return self.state.decrypt_and_hash(part) if sealed else part

        for token in self.messages.pop(0):
            match token:
                case "e":
                    self.remote_ephemeral = taken(32, sealed=False)
                    self._mix_ephemeral(self.remote_ephemeral)
                case "e1":
                    self.remote_kem_key = taken(self.suite.kem.public_key_bytes, sealed=True)
                case "ekem1":
                    ciphertext = taken(self.suite.kem.ciphertext_bytes, sealed=True)
                    self.state.mix_key(self.kem_key.decapsulate(ciphertext))
                case "s":
                    self.remote_static = taken(32, sealed=True)
                case _:
                    self._mix(token)
        self.payload_hash = self.state.hash
        return self.state.decrypt_and_hash(message)

    def _mix_ephemeral(self, public: bytes) -> None:
        self.state.mix_hash(public)
        if self.psk is not None:
            self.state.mix_key(public)

    def _mix(self, token: str) -> None:
        """`psk`, or a token of two letters: the initiator's key, then the responder's."""
        if token == "psk":
            return self.state.mix_key_and_hash(self.psk)
        own, other = token if self.is_initiator else reversed(token)
        private = self.ephemeral if own == "e" else self.static
        public = self.remote_ephemeral if other == "e" else self.remote_static
        try:
            self.state.mix_key(private.exchange(X25519PublicKey.from_public_bytes(public)))
        except ValueError:
            raise Refused("all-zero X25519 result") from None
