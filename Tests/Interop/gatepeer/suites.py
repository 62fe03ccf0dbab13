"""Suites of algorithms, key derivation and SipHash: what everything else is built from (article Handshake)."""

import hashlib
import hmac
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305


class Refused(Exception):
    """The other side did something that the articles do not allow; the text says what."""


@dataclass(frozen=True)
class Kem:
    name: str
    private_key: type
    public_key: type
    public_key_bytes: int
    ciphertext_bytes: int

    def encapsulate(self, public_key: bytes) -> tuple[bytes, bytes]:
        """A shared secret and its ciphertext; refuses keys that FIPS 203, 7.2 refuses."""
        if len(public_key) != self.public_key_bytes or not is_reduced(public_key[:-32]):
            raise Refused("ML-KEM key")
        return self.public_key.from_public_bytes(public_key).encapsulate()


def is_reduced(coefficients: bytes) -> bool:
    """Whether all 12-bit numbers, two to three bytes, are below ML-KEM's modulus."""
    for low, middle, high in zip(coefficients[::3], coefficients[1::3], coefficients[2::3]):
        if (low | (middle & 15) << 8) >= 3329 or (middle >> 4 | high << 4) >= 3329:
            return False
    return True


KEMS = {
    1: Kem("MLKEM768", mlkem.MLKEM768PrivateKey, mlkem.MLKEM768PublicKey, 1184, 1088),
    2: Kem("MLKEM1024", mlkem.MLKEM1024PrivateKey, mlkem.MLKEM1024PublicKey, 1568, 1568),
}
CIPHERS = {1: ("AESGCM", AESGCM, ">Q"), 2: ("ChaChaPoly", ChaCha20Poly1305, "<Q")}
HASHES = {1: ("SHA256", hashlib.sha256), 2: ("SHA512", hashlib.sha512), 3: ("BLAKE2b", hashlib.blake2b)}


@dataclass(frozen=True)
class Suite:
    """One KEM, one cipher, one hash, by their numbers."""

    kem_number: int = 1
    cipher_number: int = 1
    hash_number: int = 1

    @property
    def numbers(self) -> bytes:
        return bytes([self.kem_number, self.cipher_number, self.hash_number])

    @property
    def is_known(self) -> bool:
        return self.kem_number in KEMS and self.cipher_number in CIPHERS and self.hash_number in HASHES

    @property
    def kem(self) -> Kem:
        return KEMS[self.kem_number]

    @property
    def hash_function(self):
        return HASHES[self.hash_number][1]

    @property
    def hash_bytes(self) -> int:
        return self.hash_function().digest_size

    @property
    def name(self) -> str:
        """The tail of the Noise protocol's name."""
        return f"25519+{self.kem.name}_{CIPHERS[self.cipher_number][0]}_{HASHES[self.hash_number][0]}"

    @classmethod
    def of(cls, numbers: bytes) -> "Suite":
        suite = cls(*numbers)
        if not suite.is_known:
            raise Refused("suite not ours")
        return suite

    def seal(self, key: bytes, counter: int, plaintext: bytes, associated: bytes) -> bytes:
        _, cipher, order = CIPHERS[self.cipher_number]
        return cipher(key).encrypt(bytes(4) + struct.pack(order, counter), plaintext, associated)

    def open(self, key: bytes, counter: int, ciphertext: bytes, associated: bytes) -> bytes:
        _, cipher, order = CIPHERS[self.cipher_number]
        try:
            return cipher(key).decrypt(bytes(4) + struct.pack(order, counter), ciphertext, associated)
        except InvalidTag:
            raise Refused("tag") from None

    def hash(self, data: bytes) -> bytes:
        return self.hash_function(data).digest()

    def hmac(self, key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, self.hash_function).digest()

    def expand(self, key: bytes, info: bytes, byte_count: int) -> bytes:
        """HKDF-Expand with the suite's hash."""
        return hkdf_expand(key, info, byte_count, self.hash_function)


ALL_SUITES = [Suite(kem, cipher, hash_number) for kem in KEMS for cipher in CIPHERS for hash_number in HASHES]
NO_SUITE = Suite(0, 0, 0)


@dataclass(frozen=True)
class Taken:
    """The algorithms that a side takes, of each class its favourite first."""

    kems: tuple[int, ...] = tuple(KEMS)
    ciphers: tuple[int, ...] = tuple(CIPHERS)
    hashes: tuple[int, ...] = tuple(HASHES)

    @classmethod
    def only(cls, suite: Suite) -> "Taken":
        return cls((suite.kem_number,), (suite.cipher_number,), (suite.hash_number,))

    @property
    def classes(self) -> tuple[tuple[int, ...], ...]:
        return self.kems, self.ciphers, self.hashes

    @property
    def favourite(self) -> Suite:
        return Suite(*(numbers[0] for numbers in self.classes))

    @property
    def offers(self) -> bytes:
        return bytes(sum(1 << number for number in numbers) for numbers in self.classes)

    def takes(self, suite: Suite) -> bool:
        return are_offered(suite, self.offers)

    def answer(self, opening: Suite, offers: bytes) -> Suite | None:
        """What a responder names in a retry: of each class what was begun with, else its own first that is offered."""
        chosen = []
        for numbers, begun, bits in zip(self.classes, opening.numbers, offers):
            common = [number for number in numbers if bits >> number & 1]
            if not common:
                return None
            chosen.append(begun if begun in common else common[0])
        return Suite(*chosen)


def are_offered(suite: Suite, offers: bytes) -> bool:
    return all(bits >> number & 1 for bits, number in zip(offers, suite.numbers))


OFFERS = Taken().offers


def label(text: str) -> bytes:
    """A label as derivations and signatures take it: one length byte and its ASCII text."""
    return bytes([len(text)]) + text.encode("ascii")


def hkdf_expand(key: bytes, info: bytes, byte_count: int, hash_function=hashlib.sha256) -> bytes:
    block, output, number = b"", b"", 0
    while len(output) < byte_count:
        number += 1
        block = hmac.new(key, block + info + bytes([number]), hash_function).digest()
        output += block
    return output[:byte_count]


def hkdf(salt: bytes, secret: bytes, info: bytes, byte_count: int) -> bytes:
    """HKDF-SHA256, extract and expand."""
    return hkdf_expand(hmac.new(salt, secret, hashlib.sha256).digest(), info, byte_count)


def siphash24(key: bytes, data: bytes) -> bytes:
    """SipHash-2-4 with a 16-byte key; the 64-bit result as 8 bytes, little-endian, as libsodium gives it."""
    mask = (1 << 64) - 1
    k0, k1 = struct.unpack("<QQ", key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def turned(value: int, bits: int) -> int:
        return (value << bits | value >> 64 - bits) & mask

    def rounds(count: int) -> None:
        for _ in range(count):
            v[0] = (v[0] + v[1]) & mask
            v[1] = turned(v[1], 13) ^ v[0]
            v[0] = turned(v[0], 32)
            v[2] = (v[2] + v[3]) & mask
            v[3] = turned(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & mask
            v[3] = turned(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & mask
            v[1] = turned(v[1], 17) ^ v[2]
            v[2] = turned(v[2], 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 255
    rounds(4)
    return struct.pack("<Q", v[0] ^ v[1] ^ v[2] ^ v[3])
