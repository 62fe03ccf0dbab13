"""Puts the vectors' keys, encapsulations, seeds, paddings and moments in place of drawn ones."""

from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gatepeer import suites

from .files import entries


def encapsulations() -> dict[int, dict]:
    return {entry["kem"]: entry for _, entry in entries("encapsulations", "encapsulations")}


@contextmanager
def drawing(ephemeral: bytes):
    """Within it a side draws this X25519 key, and the KEM's key and ciphertext that all vectors have."""
    private = X25519PrivateKey.from_private_bytes(ephemeral)
    x25519 = SimpleNamespace(generate=lambda: private)
    kems = {number: _fixed(suites.KEMS[number], entry) for number, entry in encapsulations().items()}
    with ExitStack() as patched:
        for module in ("noise", "keyupdate"):
            patched.enter_context(mock.patch(f"gatepeer.{module}.X25519PrivateKey", x25519))
        patched.enter_context(mock.patch.dict(suites.KEMS, kems))
        yield


def _fixed(kem, entry: dict):
    key = kem.private_key.from_seed_bytes(bytes.fromhex(entry["seed"]))
    secret, ciphertext = bytes.fromhex(entry["secret"]), bytes.fromhex(entry["ciphertext"])
    assert key.decapsulate(ciphertext) == secret, "the secret is the ciphertext's"

    def encapsulate(public_key: bytes) -> tuple[bytes, bytes]:
        assert public_key == key.public_key().public_bytes_raw(), "one key serves all vectors"
        return secret, ciphertext

    return SimpleNamespace(
        name=kem.name, private_key=SimpleNamespace(generate=lambda: key), public_key_bytes=kem.public_key_bytes,
        ciphertext_bytes=kem.ciphertext_bytes, encapsulate=encapsulate)


@contextmanager
def at(wall: int):
    with mock.patch("time.time", lambda: wall):
        yield


@contextmanager
def flight(seed: bytes, padding: int):
    with mock.patch("os.urandom", lambda count: seed[:count]), mock.patch("secrets.randbelow", lambda _: padding):
        yield
