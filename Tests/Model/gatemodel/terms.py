"""Messages as terms. Two terms are equal where they are the same object: each is made once.

Primitives are perfect: a term gives up nothing but what `knowledge.py` says. The one equation is that X25519 commutes,
kept by a normal form (`agreement`); ML-KEM's is in `decapsulation`.
"""

from __future__ import annotations


class Term:
    """An operator and its arguments: terms, or plain values that everybody knows."""

    __slots__ = ("op", "args", "number")

    def __init__(self, op: str, args: tuple, number: int):
        self.op, self.args, self.number = op, args, number

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(map(str, self.args))})" if self.args else self.op


_made: dict[tuple, Term] = {}


def term(op: str, *args) -> Term:
    found = _made.get((op, args))
    if found is None:
        found = _made[op, args] = Term(op, args, len(_made))
    return found


# Atoms

def secret(name: str) -> Term:
    """A fresh value that only its maker knows."""
    return term("secret", name)


def public(name: str) -> Term:
    """A value that everybody knows."""
    return term("public", name)


NOTHING = public("nothing")


# X25519 and ML-KEM

def public_key(private: Term) -> Term:
    return term("key", private)


def agreement(private: Term, other: Term) -> Term:
    """The X25519 result: the same from either side. Every public key has a private one: small orders are refused."""
    (their,) = other.args
    first, second = sorted((private, their), key=lambda each: each.number)
    return term("agreement", first, second)


def encapsulation_key(private: Term) -> Term:
    return term("kemkey", private)


def ciphertext(key: Term, randomness: Term) -> Term:
    return term("ciphertext", key, randomness)


def encapsulated(key: Term, randomness: Term) -> Term:
    """The shared secret; bound to the key, as ML-KEM hashes it in."""
    return term("encapsulated", key, randomness)


def decapsulation(private: Term, text: Term) -> Term:
    """The shared secret of a ciphertext; of one for another key a value that depends on both (implicit rejection)."""
    key, randomness = text.args
    if key is encapsulation_key(private):
        return encapsulated(key, randomness)
    return term("rejected", private, text)


# Hashes, keys, ciphers, signatures

def hashed(*parts) -> Term:
    return term("hash", *parts)


def derived(label: str, *parts) -> Term:
    """An output of HKDF."""
    return term("derived", label, *parts)


def sealed(key: Term, counter: int, associated: Term, plaintext: Term) -> Term:
    return term("sealed", key, counter, associated, plaintext)


def record(key: Term, counter: int, plaintext) -> Term:
    return term("record", key, counter, plaintext)


def identity_key(private: Term) -> Term:
    """Stands for bundle and UUID, too: a UUID is a hash of the bundle."""
    return term("identity", private)


def certificate(identity: Term, static: Term, signer: Term) -> Term:
    """Names an identity key and a static key, signed by the private half `signer` of some identity key.

    Times, worker ids and features are left out.
    """
    return term("certificate", identity, static, term("signature", signer, identity, static))


# Flights

def choices(versions: tuple, kind: str, pattern: str, context: str, suite: int, offers: frozenset) -> Term:
    """A header's first 14 bytes. One number stands for the three classes of a suite."""
    return term("choices", versions, kind, pattern, context, suite, offers)


def payload(spoken: Term, shown: Term) -> Term:
    return term("payload", spoken, shown)


def flight(mask: Term, seed: Term, header: Term, body: tuple) -> Term:
    return term("flight", mask, seed, header, *body)
