"""Both sides of a handshake in context *peer*, as bytes in and bytes out (article Handshake)."""

import secrets
from dataclasses import dataclass, field, replace
from uuid import UUID

from .flights import (
    HANDSHAKE, HEAD_BYTES, MINUTES_TOLERATED, PADDING_MAX, PEER_CONTEXT, RETRY, RETRY_PADDING, SEED_BYTES, Choices,
    Mask, NotIntelligible, SharedSecret, minute_now,
)
from .identity import INITIATOR_LABEL, MLDSA65, RESPONDER_LABEL, SIGNATURE_BYTES, Certificate, Identity
from .noise import MUTUAL, NoiseHandshake
from .puzzles import SOLUTION_BYTES, Puzzle
from .records import SessionSecrets, resumption_proof
from .suites import NO_SUITE, Refused, Suite, Taken, are_offered

PROOF_BYTES = 48
LOWEST_VERSION, HIGHEST_VERSION = 1, 2


class Unsolved(Refused):
    """A second opening without the solution that was asked for."""


class NoCommonSuite(Refused):
    """A class of algorithms has nothing in common."""


@dataclass
class Established:
    """What a side knows once its part of the handshake is done."""

    secrets: SessionSecrets
    pattern: int
    version: int
    is_initiator: bool
    certificate: Certificate | None
    proof: bytes | None = None
    took_retry: bool = False
    took_puzzle: bool = False


@dataclass
class Resumption:
    """What an initiator keeps of a session that it wants to go on with."""

    session_id: bytes
    secret: bytes


class Side:
    """What initiator and responder share."""

    is_initiator: bool

    def __init__(self, identity: Identity, dialled: UUID, secret: SharedSecret | None, taken: Taken):
        self.identity, self.secret, self.taken = identity, secret, taken
        self.dialled, self.mask = dialled, Mask(dialled, secret)
        self.noise: NoiseHandshake | None = None
        self.first: Choices | None = None  # the newest opening
        self.prologue = b""
        self.flight_count = 0
        self.took_retry = False
        self.puzzle: Puzzle | None = None  # of the retry
        self.version = 0

    def _bind(self, choices: Choices, more: bytes = b"") -> None:
        """Takes what an opening or a retry says into the prologue; behind it the puzzle or its solution."""
        if not self.prologue:
            self.prologue = bytes([choices.context])
        self.prologue += choices.encode() + more

    def _begin(self, choices: Choices) -> None:
        psk = self.secret.psk if self.secret else None
        static = self.identity.static
        self.noise = NoiseHandshake(choices.suite, choices.pattern, self.is_initiator, self.prologue, static, psk)

    def _seal(self, choices: bytes, message: bytes, padding: int | None = None) -> bytes:
        self.flight_count += 1
        return self.mask.seal(self.flight_count, choices, message, padding)

    def _later_choices(self) -> Choices:
        first = self.first
        offers = self.taken.offers
        return Choices(self.version, self.version, first.pattern, first.suite, minute_now(), offers)

    def _read_payload(self, payload: bytes, choices: bytes) -> tuple[Certificate, bytes, bytes]:
        """The certificate of a later flight, its worker's signature (none without an ML-DSA key) and the rest."""
        if payload[: len(choices)] != choices:
            raise Refused("changed choices")
        certificate, rest = Certificate.take(payload[len(choices) :])
        count = SIGNATURE_BYTES[MLDSA65] if certificate.is_post_quantum else 0
        if len(rest) < count:
            raise Refused("handshake's signature is short")
        return certificate, rest[:count], rest[count:]

    def _check_same(self, choices: Choices) -> None:
        first = self.first
        if (choices.pattern, choices.context) != (first.pattern, first.context):
            raise Refused("other pattern or context than the opening's")
        if choices.kind == HANDSHAKE and choices.suite != first.suite:
            raise Refused("other suite than the opening's")
        if choices.lowest_version != choices.highest_version:
            raise Refused("several versions in a later flight")

    def _established(self, certificate: Certificate | None, proof: bytes | None = None) -> Established:
        state = self.noise.state
        session_secrets = SessionSecrets(self.first.suite, state.chaining_key, state.hash)
        return Established(
            session_secrets, self.first.pattern, self.version, self.is_initiator, certificate, proof,
            self.took_retry, self.puzzle is not None)


class Initiator(Side):
    is_initiator = True

    def __init__(
        self, identity: Identity, dialled: UUID, secret: SharedSecret | None = None, pattern: int = MUTUAL,
        suite: Suite | None = None, versions: tuple[int, int] = (LOWEST_VERSION, HIGHEST_VERSION),
        taken: Taken = Taken(),
    ):
        super().__init__(identity, dialled, secret, taken)
        self.dialled = dialled
        self.pattern, self.suite, self.versions = pattern, suite or taken.favourite, versions
        self.hash_after_answer = b""

    def write_opening(self, minute: int | None = None) -> bytes:
        minute = minute_now() if minute is None else minute
        self.first = Choices(*self.versions, self.pattern, self.suite, minute, self.taken.offers)
        return self._open()

    def _open(self, solution: bytes = b"") -> bytes:
        self._bind(self.first, solution)
        self._begin(self.first)
        return self._seal(self.first.encode(), solution + self.noise.write(b""))

    def _check_version(self, choices: Choices) -> None:
        self._check_same(choices)
        if not self.versions[0] <= choices.lowest_version <= self.versions[1]:
            raise Refused("version not offered")
        if self.version not in (0, choices.lowest_version):
            raise Refused("other version than the retry's")
        self.version = choices.lowest_version

    def read_retry(self, choices_bytes: bytes, message: bytes = b"", solve=Puzzle.solve) -> bytes:
        """The second opening, where this retry may be; with the solution of the puzzle that the message is, if any."""
        choices = Choices.decode(choices_bytes)
        if self.took_retry:
            raise Refused("a second retry")
        self._check_version(choices)
        if choices.suite == NO_SUITE:
            if message:
                raise Refused("a puzzle beside no suite")
            if self.taken.answer(self.first.suite, choices.offers):
                raise Refused("untrue that nothing is in common")
            raise NoCommonSuite(f"offered {self.taken.offers.hex()}, taken {choices.offers.hex()}")
        keeps_suite = choices.suite == self.first.suite
        if keeps_suite and not message or not keeps_suite and are_offered(self.first.suite, choices.offers):
            raise Refused("a retry without a reason")
        if not are_offered(choices.suite, choices.offers):
            raise Refused("a suite outside the retry's own offers")
        if not self.taken.takes(choices.suite):
            raise Refused("a suite that was not offered")
        self.took_retry = True
        self.puzzle = Puzzle.decode(message, self.dialled) if message else None
        self._bind(choices, message)
        self.first = replace(self.first, suite=choices.suite)
        return self._open(solve(self.puzzle) if self.puzzle else b"")

    def read_answer(self, choices_bytes: bytes, message: bytes) -> Certificate:
        choices = Choices.decode(choices_bytes)
        if choices.kind != HANDSHAKE:
            raise Refused("a retry")
        self._check_version(choices)
        certificate, signature, rest = self._read_payload(self.noise.read(message), choices_bytes)
        if rest:
            raise Refused("bytes behind the responder's certificate")
        certificate.judge(self.noise.remote_static, self.identity.uuid, dialled=self.dialled)
        certificate.judge_signature(signature, RESPONDER_LABEL, self.noise.payload_hash)
        self.hash_after_answer = self.noise.state.hash
        self.certificate = certificate
        return certificate

    def write_last(self, resumption: Resumption | None = None, certificate: Certificate | None = None) -> bytes:
        choices = self._later_choices().encode()
        encoded = (certificate or self.identity.certificate()).encoded
        proof = b""
        if resumption:
            proof = resumption_proof(resumption.session_id, resumption.secret, self.hash_after_answer)

        def payload(handshake_hash: bytes) -> bytes:
            return choices + encoded + self.identity.sign_handshake(INITIATOR_LABEL, handshake_hash) + proof

        return self._seal(choices, self.noise.write(payload))

    def established(self) -> Established:
        return self._established(self.certificate)


@dataclass
class SeenSeeds:
    """Seeds of first flights, kept for as long as their minutes are tolerated."""

    seeds: dict[bytes, int] = field(default_factory=dict)

    def admit(self, seed: bytes) -> None:
        now = minute_now()
        self.seeds = {seed: minute for seed, minute in self.seeds.items() if minute >= now - 2 * MINUTES_TOLERATED}
        if seed in self.seeds:
            raise NotIntelligible("seen seed")
        self.seeds[seed] = now


class Responder(Side):
    is_initiator = False

    def __init__(
        self, identity: Identity, secret: SharedSecret | None = None, admits_anonymous: bool = True,
        versions: tuple[int, int] = (LOWEST_VERSION, HIGHEST_VERSION), taken: Taken = Taken(), effort: int = 0,
    ):
        super().__init__(identity, identity.uuid, secret, taken)
        self.admits_anonymous, self.versions, self.effort = admits_anonymous, versions, effort

    def read_opening_head(self, seed: bytes, choices_bytes: bytes, seen: SeenSeeds) -> None:
        """What is checked before public-key work, in the articles' order."""
        if self.took_retry:
            if choices_bytes != self.first.encode():
                raise Refused("another second opening than the retry asked for")
            return
        minute = int.from_bytes(choices_bytes[10:14], "big")
        if abs(minute - minute_now()) > MINUTES_TOLERATED:
            raise NotIntelligible("stale minute")
        seen.admit(seed)
        choices = Choices.decode(choices_bytes)
        self.version = min(choices.highest_version, self.versions[1])
        if self.version < max(choices.lowest_version, self.versions[0]):
            raise Refused("no version in common")
        if choices.context != PEER_CONTEXT:
            raise Refused("context not ours")
        if choices.kind != HANDSHAKE or not are_offered(choices.suite, choices.offers):
            raise Refused("no opening, or with a suite outside its own offers")
        if choices.pattern != MUTUAL and not self.admits_anonymous:
            raise Refused("anonymous initiator")
        self.first = choices

    @property
    def has_to_retry(self) -> bool:
        """Whether the opening's suite is not taken, or a puzzle to be asked for; asked once its body has opened."""
        return not self.taken.takes(self.first.suite) or self.effort > 0 and not self.took_retry

    def write_retry(self, puzzle: Puzzle | None = None) -> bytes:
        """A retry; without a common suite one that says so, and the connection is to be closed.

        `puzzle` stands in place of a fresh one where one is asked for.
        """
        opening = self.first
        self._bind(opening)
        suite = self.taken.answer(opening.suite, opening.offers)
        choices = replace(self._later_choices(), kind=RETRY, suite=suite or NO_SUITE)
        self.puzzle = (puzzle or Puzzle.make(self.effort, self.dialled)) if suite and self.effort else None
        message = self.puzzle.encode() if self.puzzle else b""
        self._bind(choices, message)
        self.took_retry = True
        self.first = replace(opening, suite=suite or NO_SUITE)
        padding = RETRY_PADDING - len(message) + secrets.randbelow(PADDING_MAX + 1)
        return self._seal(choices.encode(), message, padding)

    def read_opening(self, message: bytes) -> None:
        solution = b""
        if self.puzzle:
            solution, message = message[:SOLUTION_BYTES], message[SOLUTION_BYTES:]
            if not self.puzzle.is_solved_by(solution):
                raise Unsolved("a wrong solution")
        self._bind(self.first, solution)
        self._begin(self.first)
        if self.noise.read(message):
            raise Refused("payload in an opening")

    def write_answer(self) -> bytes:
        choices = self._later_choices().encode()
        encoded = self.identity.certificate().encoded

        def payload(handshake_hash: bytes) -> bytes:
            return choices + encoded + self.identity.sign_handshake(RESPONDER_LABEL, handshake_hash)

        return self._seal(choices, self.noise.write(payload))

    def read_last(self, choices_bytes: bytes, message: bytes) -> Established:
        choices = Choices.decode(choices_bytes)
        self._check_same(choices)
        if choices.kind != HANDSHAKE:
            raise Refused("a retry by the initiator")
        if choices.lowest_version != self.version:
            raise Refused("other version than the answer's")
        certificate, signature, proof = self._read_payload(self.noise.read(message), choices_bytes)
        if len(proof) not in (0, PROOF_BYTES):
            raise Refused("bytes behind the initiator's certificate")
        certificate.judge(self.noise.remote_static, self.identity.uuid)
        certificate.judge_signature(signature, INITIATOR_LABEL, self.noise.payload_hash)
        return self._established(certificate, proof or None)

    def established_anonymous(self) -> Established:
        return self._established(None)


def read_flight(side: Side, read, check_head=None) -> tuple[bytes, bytes]:
    """Choices and message of the flight that comes next; `read(n)` gives n bytes.

    `check_head(seed, choices)` is asked before the body is read.
    """
    side.flight_count += 1
    head = read(HEAD_BYTES)
    choices, rest, message_count = side.mask.open_head(side.flight_count, head)
    if check_head:
        check_head(head[:SEED_BYTES], choices)
    return choices, side.mask.open_body(side.flight_count, head[:SEED_BYTES], read(rest), message_count)


def is_retry(choices_bytes: bytes) -> bool:
    return choices_bytes[1] == RETRY
