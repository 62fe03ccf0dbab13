"""The network's owner: every flight and record that it can have a side take.

Flights of any other form are refused by every reader without an answer, so that leaving them out loses no behaviour.
"""

from __future__ import annotations

from typing import Iterator

from .handshake import Side
from .knowledge import Knowledge
from .noise import Symmetric, read
from .parts import Header, certificate_signatures, handshake_signature, header_of
from .terms import (
    NOTHING, Term, bundle, certificate, challenge, ciphertext, encapsulation_key, identity_key, mldsa_key, payload, public_key,
    record, secret, shown_by, signature, verifying_key)

# Its own keys. One of each kind is enough, also for static and ephemeral: nobody checks that two keys differ.
KEY, KEM, RANDOMNESS = secret("attacker's X25519 key"), secret("attacker's ML-KEM key"), secret("attacker's randomness")
IDENTITY, CONTENT = secret("identity of M"), secret("attacker's content")
UNKNOWN = secret("attacker's signing key")
CHALLENGE = challenge("attacker's challenge")
POST_QUANTUM = secret("attacker's ML-DSA key")
DISHONEST = identity_key(IDENTITY)
DISHONEST_POST_QUANTUM = identity_key(IDENTITY, POST_QUANTUM)
OWN = frozenset({
    KEY, KEM, RANDOMNESS, UNKNOWN, POST_QUANTUM, CONTENT, public_key(KEY), encapsulation_key(KEM),
    mldsa_key(POST_QUANTUM), DISHONEST, CHALLENGE})


class Forging:
    """Gives a reader, for each place of a Noise message, what the attacker can put there."""

    def __init__(self, known: Knowledge, reader: Side, headers: list[Header], identities: tuple[Term, ...]):
        self.known, self.reader, self.identities = known, reader, identities
        self.spoken = list(dict.fromkeys(each.choices(reader.rules) for each in headers))
        self.fitting: dict[Term, list[Term]] = {}

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
        static, rules = state.static, self.reader.rules
        if static not in self.fitting:
            # Where the reader judges before it goes on, nothing follows what it refuses.
            self.fitting[static] = [
                each for each in self._certificates(static)
                if self.reader.certified(each, static) or not rules.judges_before_last]
        for shown in self.fitting[static]:
            signatures = self._signatures(shown, state.hash)
            if signatures is None:
                continue
            for spoken in self.spoken:
                yield payload(spoken, shown, *signatures)

    def _signatures(self, shown: Term, hash: Term) -> tuple[Term, ...] | None:
        """The handshake's, where the certificate needs one; nothing where it can't be made, was not seen, and is
        looked at."""
        worker = shown_by(shown).worker
        if worker is None:
            return ()
        made = handshake_signature(worker.args[0], not self.reader.part.is_initiator, hash, self.reader.rules)
        if self.known.derives(made):
            return (made,)
        return None if self.reader.rules.checks_handshake_signature else (signature(UNKNOWN),)

    def _certificates(self, static: Term) -> Iterator[Term]:
        """Those that it saw; the dishonest node's for that key, whoever has it; anybody's, with a wrong signature where
        it can make no right one."""
        seen = self.known.of_kind("certificate")
        yield from seen
        for identity, worker in self._named():
            wanted = certificate_signatures(identity, static, worker, self.reader.rules)
            signatures = [each if self.known.derives(each) else signature(UNKNOWN) for each in wanted]
            made = certificate(identity, static, worker, *signatures)
            if made not in seen:
                yield made

    def _named(self) -> Iterator[tuple[Term, Term | None]]:
        """Bundles, each with a worker's ML-DSA key or without (then in a certificate of version 1)."""
        own = mldsa_key(POST_QUANTUM)
        for identity in (DISHONEST,) + self.identities:
            yield identity, None
        two = [each for each in self.identities if len(each.args) == 2]
        for identity in two:
            ed25519, post_quantum = identity.args
            yield identity, own
            yield bundle(ed25519), None  # the ML-DSA key taken away,
            yield bundle(ed25519, own), own  # replaced,
            yield bundle(verifying_key(IDENTITY), post_quantum), own  # or borrowed
        if two:
            for worker in self.known.of_kind("mldsa"):
                yield DISHONEST_POST_QUANTUM, worker


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
        if side.header is not None and side.header.puzzle is not None:
            solved = [side.header] if known.derives(side.header.puzzle) else []
            unsolved = [side.header._replace(puzzle=None)]  # without a solution, or with a wrong one
            made += solved + unsolved
    elif side.phase == "last":
        wanted, made = side.judges_later, [side.header._replace(versions=(side.version,) * 2, puzzle=None)]
    else:
        both = [side.header._replace(versions=(version,) * 2, puzzle=None) for version in (1, 2)]
        retries = [
            each._replace(kind="retry", suite=suite, offers=frozenset({suite}))
            for each in both for suite in side.part.node.suites]
        if side.part.node.has_puzzles:
            asked, read = known.of_kind("challenge"), [each for each in seen if each.kind == "retry"]
            retries += [each._replace(puzzle=puzzle) for each in retries + read for puzzle in asked]
        made = both + retries

        def wanted(header: Header) -> bool:
            return side.judges_retry(header) if header.kind == "retry" else side.judges_later(header)
    return [each for each in dict.fromkeys(seen + made) if wanted(each)]
