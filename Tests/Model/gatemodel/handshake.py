"""One side of one handshake, from its first flight to its first record (article Handshake)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Iterator

from .noise import Given, Keys, Symmetric, read, write
from .parts import Header, Part, certificate_signatures, handshake_signature, keys_of, term_of, uuid_of
from .rules import Rules
from .terms import NOTHING, Term, challenge, derived, flight, payload, record, secret, shown_by, solution

TO_RESPONDER, TO_INITIATOR = 1, 2


@dataclass(eq=False)
class Side:
    """A side at one moment. Never changes: `taking` gives those that follow. Equal histories are one object."""

    part: Part
    rules: Rules
    phase: str
    """start, answer, opening, last, complete, confirmed."""
    header: Header | None = None
    """The newest opening's."""
    prologue: tuple = ()
    flights: int = 0
    is_retried: bool = False
    version: int | None = None
    state: Symmetric | None = None
    attempt: int = 0
    peer: Term | None = None
    """The UUID that was proven; `None` for an anonymous initiator."""
    hash_of_answer: Term | None = None
    root: Term | None = None
    sent: tuple[Term, ...] = ()
    seeds: tuple[Term, ...] = ()
    """Of the opening that was taken first."""
    taken: tuple[Term, ...] = ()
    _following: dict = field(default_factory=dict)

    # What both sides have

    @property
    def keys(self) -> Keys:
        return keys_of(self.part, self.attempt, self.rules)

    @property
    def uuid(self) -> Term:
        return uuid_of(self.part.node.identity, self.rules)

    @property
    def dialled(self) -> Term | None:
        """The UUID that an initiator dials."""
        return uuid_of(self.part.dialled, self.rules) if self.part.dialled else None

    @property
    def is_complete(self) -> bool:
        return self.phase in ("complete", "confirmed")

    @property
    def psk(self) -> Term | None:
        network = self.part.node.network
        return derived("psk", network) if network else None

    def mask(self, to: int, number: int) -> Term:
        dialled = self.dialled or self.uuid
        network = self.part.node.network if self.rules.masks_with_secret else None
        return derived("mask", network or NOTHING, dialled, to, number)

    @property
    def expected_mask(self) -> Term:
        """Of the flight that comes next."""
        return self.mask(TO_INITIATOR if self.part.is_initiator else TO_RESPONDER, self.flights + 1)

    def record_key(self, is_from_initiator: bool) -> Term:
        return derived("record", self.root, is_from_initiator, 0)

    @property
    def content(self) -> Term:
        """What this side sends in its first record."""
        return secret(f"content of {self.part.name}")

    def _noise(self, header: Header, prologue: tuple) -> Symmetric:
        return Symmetric.begin(self.rules, header.pattern, header.suite, prologue, self.psk)

    def _send(self, header: Header, body: tuple[Term, ...]) -> Side:
        """With a flight more on the wire."""
        seed = secret(f"seed {self.flights + 1} of {self.part.name}")
        mask = self.mask(TO_RESPONDER if self.part.is_initiator else TO_INITIATOR, self.flights + 1)
        shown = term_of(header)
        return replace(
            self, sent=self.sent + (flight(mask, seed, shown, body),), flights=self.flights + 1, _following={})

    def _answer_header(self) -> Header:
        return self.header._replace(versions=(self.version, self.version), offers=self.part.node.offers, puzzle=None)

    # Initiator

    def start(self) -> Side:
        """Dials."""
        part = self.part
        header = Header(
            part.node.versions, "handshake", part.pattern, part.context, part.node.suites[0], part.node.offers)
        prologue = (header.choices(self.rules),)
        return replace(self, header=header, prologue=prologue, phase="answer")._open()

    def _open(self) -> Side:
        parts, state = write(self._noise(self.header, self.prologue), 0, self.header.pattern, self.keys, None)
        return replace(self, state=state, _following={})._send(self.header, parts)

    def judges_later(self, header: Header) -> bool:
        """What a flight behind the opening has to say as that does."""
        return (
            header.kind == "handshake" and header.suite == self.header.suite and header.puzzle is None
            and self._judges_same(header))

    def _judges_same(self, header: Header) -> bool:
        lowest, highest = header.versions
        if header.pattern != self.header.pattern or lowest != highest:
            return False
        if self.rules.binds_context and header.context != self.header.context:
            return False
        if self.version is not None:
            return lowest == self.version
        return self.header.versions[0] <= lowest <= self.header.versions[1]

    def judges_retry(self, header: Header) -> bool:
        asks = header.puzzle is not None
        has_reason = asks if header.suite == self.header.suite else self.header.suite not in header.offers
        return (
            header.kind == "retry" and not self.is_retried and header.context == "peer" and self._judges_same(header)
            and has_reason and (self.part.node.has_puzzles or not asks)
            and header.suite in header.offers and header.suite in self.part.node.offers)

    def _retried(self, header: Header) -> Side:
        opening = self.header._replace(suite=header.suite, puzzle=header.puzzle and solution(header.puzzle))
        prologue = (opening.choices(self.rules),)
        if self.rules.binds_retry:
            prologue = self.prologue + (header.choices(self.rules),) + prologue
        return replace(
            self, header=opening, prologue=prologue, is_retried=True, version=header.versions[0], attempt=1,
            flights=self.flights + 1)._open()

    def _answered(self, header: Header, state: Symmetric, content: Term) -> Iterator[Side]:
        peer = self._judge(header, state, content)
        if peer is None:
            if self.rules.judges_before_last or self.header.pattern != "mutual":
                return
        after = replace(
            self, state=state, version=header.versions[0], hash_of_answer=state.hash, flights=self.flights + 1,
            _following={})
        if self.header.pattern == "mutual":
            last = after._answer_header()
            parts, behind = write(state, 2, "mutual", self.keys, self._payload(last))
            after = replace(after, state=behind, _following={})._send(last, parts)
        if peer is None:
            yield replace(after, phase="failed", _following={})
        else:
            yield after._completed(peer)

    # Responder

    def judges_opening(self, header: Header) -> bool:
        if self.is_retried:
            wanted = header if self.rules.checks_solution else header._replace(puzzle=self.header.puzzle)
            return wanted == self.header
        node = self.part.node
        return (
            header.kind == "handshake" and header.puzzle is None and header.suite in header.offers
            and header.context in node.contexts
            and self._common_version(header) is not None and (header.pattern == "mutual" or node.admits_anonymous))

    def _common_version(self, header: Header) -> int | None:
        lowest = max(header.versions[0], self.part.node.versions[0])
        highest = min(header.versions[1], self.part.node.versions[1])
        return highest if lowest <= highest else None

    def retries(self, header: Header) -> bool:
        asks = self.part.node.has_puzzles and not self.is_retried and header.context == "peer"
        return asks or header.suite not in self.part.node.suites

    def _retry(self, header: Header) -> Iterator[Side]:
        common = [each for each in self.part.node.suites if each in header.offers]
        common = [header.suite] if header.suite in common else common
        if self.is_retried or header.context != "peer" or not common:
            return
        after = replace(
            self, header=header, version=self._common_version(header), flights=self.flights + 1, _following={})
        asked = challenge(f"challenge of {self.part.name}") if self.part.node.has_puzzles else None
        retry = after._answer_header()._replace(kind="retry", suite=common[0], puzzle=asked)
        after = after._send(retry, ())
        prologue = (header.choices(self.rules), retry.choices(self.rules)) if self.rules.binds_retry else ()
        wanted = header._replace(suite=common[0], puzzle=asked and solution(asked))
        yield replace(after, header=wanted, prologue=prologue, is_retried=True, _following={})

    def opening_state(self, header: Header) -> Symmetric:
        return self._noise(header, self.prologue + (header.choices(self.rules),))

    def _opened(self, header: Header, state: Symmetric) -> Iterator[Side]:
        version = self.version or self._common_version(header)
        after = replace(self, header=header, version=version, flights=self.flights + 1, _following={})
        answer = after._answer_header()
        parts, behind = write(state, 1, header.pattern, self.keys, self._payload(answer))
        after = replace(after, state=behind, hash_of_answer=behind.hash, phase="last", _following={})
        after = after._send(answer, parts)
        yield after._completed(None) if header.pattern == "anonymous" else after

    def _lasted(self, header: Header, state: Symmetric, content: Term) -> Iterator[Side]:
        peer = self._judge(header, state, content)
        if peer is not None:
            yield replace(self, state=state, flights=self.flights + 1, _following={})._completed(peer)

    # Both

    def _payload(self, header: Header):
        """Of answer and last, made of the hash that is signed."""
        node, rules = self.part.node, self.rules

        def made(hash: Term) -> Term:
            signed = (handshake_signature(node.signing, self.part.is_initiator, hash, rules),) if node.signing else ()
            return payload(header.choices(rules), node.certificate(rules), *signed)

        return made

    def _judge(self, header: Header, state: Symmetric, content: Term) -> Term | None:
        """The UUID that a payload proves, or nothing."""
        rules, (spoken, shown, *signatures) = self.rules, content.args
        if rules.compares_choices and spoken is not header.choices(rules):
            return None
        if shown.op != "certificate" or not self._is_handshake_signed(shown, signatures, state.signed):
            return None
        return self.certified(shown, state.static)

    def certified(self, shown: Term, static: Term) -> Term | None:
        """The UUID that a certificate proves of who has that static key."""
        rules = self.rules
        uuid = uuid_of(shown.args[0], rules)
        if rules.checks_static_key and shown_by(shown).static is not static:
            return None
        if rules.checks_node_dialled and self.dialled is not None and uuid is not self.dialled:
            return None
        if rules.checks_own_node and uuid is self.uuid:
            return None
        return uuid if self._is_signed(shown) else None

    def _is_signed(self, shown: Term) -> bool:
        """By every key of the bundle."""
        rules, (identity, static, worker, under) = self.rules, shown_by(shown)
        if rules.refuses_other_version and (len(identity.args) == 2) != (worker is not None):
            return False
        wanted = certificate_signatures(identity, static, worker, rules)
        if len(under) != len(wanted):
            return False
        holding = [each is other for each, other in zip(under, wanted)]
        if rules.checks_signature and not holding[0]:
            return False
        return all(holding[1:]) or not rules.checks_post_quantum_signature

    def _is_handshake_signed(self, shown: Term, signatures: list[Term], hash: Term) -> bool:
        """With a certificate of version 2 by the worker's ML-DSA key."""
        worker = shown_by(shown).worker
        if worker is None or not signatures:
            return worker is None and not signatures
        signed = handshake_signature(worker.args[0], not self.part.is_initiator, hash, self.rules)
        return signatures[0] is signed or not self.rules.checks_handshake_signature

    def _completed(self, peer: Term | None) -> Side:
        """With the first record on the wire."""
        done = replace(self, peer=peer, root=self.state.root(), phase="complete", _following={})
        first = record(done.record_key(self.part.is_initiator), 0, self.content)
        return replace(done, sent=done.sent + (first,), _following={})

    def taking(self, header: Header | None, body: tuple[Term, ...], seed: Term | None = None) -> list[Side]:
        """What follows where a flight with this header and body comes, or a record: nothing where it is refused."""
        place = (header, body, seed)
        found = self._following.get(place)
        if found is None:
            found = self._following[place] = [
                replace(each, taken=self.taken + (seed,), _following={}) if seed else each
                for each in self._taking(header, body)]
        return found

    def _taking(self, header: Header | None, body: tuple[Term, ...]) -> Iterator[Side]:
        if self.phase == "complete" and self.part.is_initiator:
            key = self.record_key(False)
            if body[0].op == "record" and body[0] is record(key, 0, body[0].args[2]):
                yield replace(self, phase="confirmed", _following={})
        elif self.phase == "answer" and header.kind == "retry":
            if self.judges_retry(header):
                yield self._retried(header)
        elif self.phase == "answer" and self.judges_later(header):
            for _, state, content in read(self.state, 1, self.header.pattern, self.keys, Given(body)):
                yield from self._answered(header, state, content)
        elif self.phase == "opening" and self.judges_opening(header):
            if self.retries(header):
                yield from self._retry(header)
                return
            for _, state, _ in read(self.opening_state(header), 0, header.pattern, self.keys, Given(body)):
                yield from self._opened(header, state)
        elif self.phase == "last" and self.judges_later(header):
            for _, state, content in read(self.state, 2, "mutual", self.keys, Given(body)):
                yield from self._lasted(header, state, content)


def begin(part: Part, rules: Rules) -> Side:
    """An initiator dials at once: it does no harm to be early, since the attacker holds back what it likes."""
    side = Side(part, rules, "start" if part.is_initiator else "opening")
    return side.start() if part.is_initiator else side
