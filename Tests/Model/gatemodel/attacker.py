"""The network's owner: every flight and record that it can have a side take.

Flights of any other form are refused by every reader without an answer, so that leaving them out loses no behaviour.
"""

from __future__ import annotations

from typing import Iterator

from .handshake import Side
from .knowledge import Knowledge
from .noise import Symmetric, read
from .parts import Header, header_of
from .terms import (
    NOTHING, Term, certificate, ciphertext, encapsulation_key, identity_key, payload, public_key, record, secret)

# Its own keys. One of each kind is enough, also for static and ephemeral: nobody checks that two keys differ.
KEY, KEM, RANDOMNESS = secret("attacker's X25519 key"), secret("attacker's ML-KEM key"), secret("attacker's randomness")
IDENTITY, CONTENT = secret("identity of M"), secret("attacker's content")
UNKNOWN = secret("attacker's signing key")
DISHONEST = identity_key(IDENTITY)
OWN = frozenset({KEY, KEM, RANDOMNESS, UNKNOWN, CONTENT, public_key(KEY), encapsulation_key(KEM), DISHONEST})


class Forging:
    """Gives a reader, for each place of a Noise message, what the attacker can put there."""

    def __init__(self, known: Knowledge, reader: Side, headers: list[Header], identities: tuple[Term, ...]):
        self.known, self.reader, self.identities = known, reader, identities
        self.spoken = list(dict.fromkeys(each.choices(reader.rules) for each in headers))

    def plain(self, place: int, kind: str, state: Symmetric) -> Iterator[Term]:
        if kind == "public":
            yield NOTHING
        elif kind == "payload":
            yield from self._payloads(state)
        else:
            found = self.known.of_kind(kind)
            yield from found
            if kind == "ciphertext":
                made = ciphertext(encapsulation_key(self.reader.keys.kem), RANDOMNESS)
                if made not in found and self.known.derives(made):
                    yield made

    def shut(self, place: int, kind: str, state: Symmetric) -> Iterator[Term]:
        seen = self.known.sealed_at(state.key, state.counter, state.associated)
        yield from seen
        if self.known.derives(state.key) and self.known.derives(state.hash):
            for plain in self.plain(place, kind, state):
                made = state.shut(plain)
                if made not in seen:
                    yield made

    def ends(self, place: int) -> bool:
        return True

    def _payloads(self, state: Symmetric) -> Iterator[Term]:
        for shown in self._certificates(state.static):
            for spoken in self.spoken:
                yield payload(spoken, shown)

    def _certificates(self, static: Term) -> Iterator[Term]:
        """Those that it saw; the dishonest node's for that key, whoever has it; anybody's with a wrong signature."""
        seen = self.known.of_kind("certificate")
        yield from seen
        for identity in (DISHONEST,) + self.identities:
            (private,) = identity.args
            for signer in (private, UNKNOWN) if self.known.derives(private) else (UNKNOWN,):
                made = certificate(identity, static, signer)
                if made not in seen:
                    yield made


def flights(side: Side, known: Knowledge, openings: tuple[Header, ...], identities: tuple[Term, ...]):
    """(header, body, seed) of everything that the attacker can have the side take now; the seed of what is only
    repeated."""
    if side.phase == "complete":
        yield from _records(side, known)
    elif side.phase in ("answer", "opening", "last"):
        mask = side.expected_mask
        if known.derives(mask):
            yield from _made(side, known, openings, identities)
        else:
            for each in known.of_kind("flight"):
                if each.args[0] is mask:
                    yield header_of(each.args[2]), each.args[3:], each.args[1]


def _records(side: Side, known: Knowledge):
    if not side.part.is_initiator:
        return
    key = side.record_key(False)
    seen = [each for each in known.of_kind("record") if each.args[0] is key and each.args[1] == 0]
    if not seen and known.derives(key):
        seen = [record(key, 0, CONTENT)]
    for each in seen:
        yield None, (each,), None


def _made(side: Side, known: Knowledge, openings: tuple[Header, ...], identities: tuple[Term, ...]):
    headers = _headers(side, known, openings)
    if side.phase == "opening":
        for header in headers:
            if side.retries(header):
                yield header, (), None
                continue
            source = Forging(known, side, [header], identities)
            for parts, _, _ in read(side.opening_state(header), 0, header.pattern, side.keys, source):
                yield header, parts, None
        return
    yield from ((header, (), None) for header in headers if header.kind == "retry")
    headers = [header for header in headers if header.kind != "retry"]
    source = Forging(known, side, headers, identities)
    index = 1 if side.phase == "answer" else 2
    for parts, _, content in read(side.state, index, side.header.pattern, side.keys, source):
        for header in headers:
            if content.args[0] is header.choices(side.rules) or not side.rules.compares_choices:
                yield header, parts, None


def _headers(side: Side, known: Knowledge, openings: tuple[Header, ...]) -> list[Header]:
    """Seen ones and made ones that the side would look behind."""
    seen = [header_of(each) for each in known.of_kind("choices")]
    if side.phase == "opening":
        wanted, made = side.judges_opening, list(openings)
    elif side.phase == "last":
        wanted, made = side.judges_later, [side.header._replace(versions=(side.version,) * 2)]
    else:
        both = [side.header._replace(versions=(version,) * 2) for version in (1, 2)]
        retries = [
            each._replace(kind="retry", suite=suite, offers=frozenset({suite}))
            for each in both for suite in side.part.node.suites]
        made = both + retries

        def wanted(header: Header) -> bool:
            return side.judges_retry(header) if header.kind == "retry" else side.judges_later(header)
    return [each for each in dict.fromkeys(seen + made) if wanted(each)]
