"""Noise with the hfs extension over terms: what is written, and all that a reader would take."""

from __future__ import annotations

from typing import Callable, Iterator, NamedTuple

from .rules import Rules
from .terms import (
    NOTHING, Term, agreement, ciphertext, decapsulation, derived, encapsulated, encapsulation_key, hashed, public_key,
    sealed)

# Initiator's and responder's messages in turn, in the article's order; psk0 goes before the first.
TOKENS = {
    "mutual": (("e", "e1"), ("e", "ee", "ekem1", "s", "es"), ("s", "se")),
    "anonymous": (("e", "e1"), ("e", "ee", "ekem1", "s", "es")),
}


class Keys(NamedTuple):
    """Private halves of one side: static, and for this handshake ephemeral, ML-KEM and encapsulation's randomness."""

    static: Term | None
    ephemeral: Term
    kem: Term
    randomness: Term


class Symmetric(NamedTuple):
    """Noise's symmetric state, and what was learnt of the other side so far."""

    rules: Rules
    psk: Term | None
    chain: Term
    hash: Term
    key: Term | None = None
    counter: int = 0
    ephemeral: Term | None = None
    kem: Term | None = None
    static: Term | None = None
    signed: Term | None = None
    """The hash as it was when the last payload was sealed: what a signature beside it is of."""

    @classmethod
    def begin(cls, rules: Rules, pattern: str, suite: int, prologue: tuple, psk: Term | None) -> Symmetric:
        name = hashed("protocol", suite, pattern + ("+psk0" if psk else ""))
        state = cls(rules, psk if rules.mixes_psk else None, name, name)
        return state.mix_hash(hashed(*prologue) if rules.binds_prologue else NOTHING)

    def mix_hash(self, data: Term) -> Symmetric:
        return self._replace(hash=hashed(self.hash, data))

    def mix_key(self, secret: Term) -> Symmetric:
        return self._replace(
            chain=derived("chain", self.chain, secret), key=derived("key", self.chain, secret), counter=0)

    def mix_key_and_hash(self, secret: Term) -> Symmetric:
        mixed = self.mix_key(secret)
        return mixed.mix_hash(derived("middle", self.chain, secret))

    def mix_ephemeral(self, public: Term) -> Symmetric:
        mixed = self.mix_hash(public)
        return mixed.mix_key(public) if self.psk else mixed

    @property
    def associated(self) -> Term:
        return self.hash if self.rules.binds_transcript else NOTHING

    def shut(self, plaintext: Term) -> Term:
        """As it goes over the wire, at this moment."""
        return plaintext if self.key is None else sealed(self.key, self.counter, self.associated, plaintext)

    def opened(self, wire: Term) -> Term | None:
        """The plaintext, if that is what was sealed at this moment."""
        if self.key is None:
            return None if wire.op == "sealed" else wire
        if wire.op == "sealed" and wire is self.shut(wire.args[3]):
            return wire.args[3]
        return None

    def passed(self, wire: Term) -> Symmetric:
        """Behind what was written or read."""
        return self.mix_hash(wire)._replace(counter=self.counter + (self.key is not None))

    def root(self) -> Term:
        return derived("root", self.chain, self.associated)

    def mix_agreement(self, token: str, is_initiator: bool, keys: Keys) -> Symmetric:
        if not getattr(self.rules, f"mixes_{token}"):
            return self
        own_is_static = token == ("se" if is_initiator else "es")
        other_is_static = token == ("es" if is_initiator else "se")
        own = keys.static if own_is_static else keys.ephemeral
        other = self.static if other_is_static else self.ephemeral
        return self.mix_key(agreement(own, other))


def write(
    state: Symmetric, index: int, pattern: str, keys: Keys, content: Callable[[Term], Term] | None
) -> tuple[tuple[Term, ...], Symmetric]:
    """A message's parts and the state behind it; the payload may be made of the hash of all before it. An empty one
    that nothing seals is left out."""
    parts: list[Term] = []
    is_initiator = index % 2 == 0

    def put(wire: Term) -> None:
        nonlocal state
        parts.append(wire)
        state = state.passed(wire)

    if index == 0 and state.psk:
        state = state.mix_key_and_hash(state.psk)
    for token in TOKENS[pattern][index]:
        if token == "e":
            public = public_key(keys.ephemeral)
            parts.append(public)
            state = state.mix_ephemeral(public)
        elif token == "e1":
            put(state.shut(encapsulation_key(keys.kem)))
        elif token == "ekem1":
            put(state.shut(ciphertext(state.kem, keys.randomness)))
            if state.rules.mixes_ekem1:
                state = state.mix_key(encapsulated(state.kem, keys.randomness))
        elif token == "s":
            put(state.shut(public_key(keys.static)))
        else:
            state = state.mix_agreement(token, is_initiator, keys)
    if content is not None or state.key is not None:
        put(state.shut(content(state.hash) if content else NOTHING))
    return tuple(parts), state


class Given:
    """Reads one message that is there."""

    def __init__(self, parts: tuple[Term, ...]):
        self.parts = parts

    def plain(self, place: int, kind: str, state: Symmetric) -> Iterator[Term]:
        if place < len(self.parts) and self.parts[place].op == kind:
            yield self.parts[place]

    def shut(self, place: int, kind: str, state: Symmetric) -> Iterator[Term]:
        if place < len(self.parts):
            yield self.parts[place]

    def ends(self, place: int) -> bool:
        return place == len(self.parts)


def read(
    state: Symmetric, index: int, pattern: str, keys: Keys, source
) -> Iterator[tuple[tuple[Term, ...], Symmetric, Term]]:
    """Every message of the source that this side takes: its parts, the state behind it, the payload.

    A source gives, for each place, what may stand there; what does not open is skipped.
    """
    tokens = TOKENS[pattern][index] + ("payload",)
    is_initiator = index % 2 == 1
    if index == 0 and state.psk:
        state = state.mix_key_and_hash(state.psk)

    def follow(at: int, state: Symmetric, parts: tuple[Term, ...]):
        if at == len(tokens):
            return
        token = tokens[at]
        if token in ("ee", "es", "se"):
            yield from follow(at + 1, state.mix_agreement(token, is_initiator, keys), parts)
        elif token == "e":
            for public in source.plain(len(parts), "key", state):
                yield from follow(
                    at + 1, state._replace(ephemeral=public).mix_ephemeral(public), parts + (public,))
        elif token == "payload" and index == 0 and state.key is None:
            if source.ends(len(parts)):
                yield parts, state, NOTHING
        else:
            kind = {"e1": "kemkey", "ekem1": "ciphertext", "s": "key", "payload": "public" if index == 0 else "payload"}
            offered = source.plain if state.key is None else source.shut
            for wire in offered(len(parts), kind[token], state):
                plain = state.opened(wire)
                if plain is None or plain.op != kind[token]:
                    continue
                behind, now = state.passed(wire), parts + (wire,)
                if token == "e1":
                    yield from follow(at + 1, behind._replace(kem=plain), now)
                elif token == "ekem1":
                    if state.rules.mixes_ekem1:
                        behind = behind.mix_key(decapsulation(keys.kem, plain))
                    yield from follow(at + 1, behind, now)
                elif token == "s":
                    yield from follow(at + 1, behind._replace(static=plain), now)
                elif source.ends(len(now)):
                    yield now, behind._replace(signed=state.hash), plain

    yield from follow(0, state, ())
