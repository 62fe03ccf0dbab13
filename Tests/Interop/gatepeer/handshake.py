"""Both sides of a handshake in context *peer*, as bytes in and bytes out (article Handshake)."""

from dataclasses import dataclass, field
from uuid import UUID

from .flights import (
    HEAD_BYTES, MINUTES_TOLERATED, PEER_CONTEXT, SEED_BYTES, Choices, Mask, NotIntelligible, SharedSecret, minute_now,
)
from .identity import CERTIFICATE_BYTES, Certificate, Identity
from .noise import MUTUAL, NoiseHandshake
from .records import SessionSecrets, resumption_proof
from .suites import Refused, Suite

PROOF_BYTES = 48
LOWEST_VERSION, HIGHEST_VERSION = 1, 2


@dataclass
class Established:
    """What a side knows once its part of the handshake is done."""

    secrets: SessionSecrets
    pattern: int
    version: int
    is_initiator: bool
    certificate: Certificate | None
    proof: bytes | None = None


@dataclass
class Resumption:
    """What an initiator keeps of a session that it wants to go on with."""

    session_id: bytes
    secret: bytes


class Side:
    """What initiator and responder share."""

    is_initiator: bool
    flight = 0

    def __init__(self, identity: Identity, dialled: UUID, secret: SharedSecret | None):
        self.identity, self.secret = identity, secret
        self.mask = Mask(dialled, secret)
        self.noise: NoiseHandshake | None = None
        self.first: Choices | None = None
        self.version = 0

    def _begin(self, choices: Choices) -> None:
        self.first = choices
        prologue = bytes([choices.context]) + choices.encode()
        psk = self.secret.psk if self.secret else None
        static = self.identity.static
        self.noise = NoiseHandshake(choices.suite, choices.pattern, self.is_initiator, prologue, static, psk)

    def _later_choices(self) -> bytes:
        first = self.first
        return Choices(self.version, self.version, first.pattern, first.suite, minute_now()).encode()

    def _read_payload(self, payload: bytes, choices: bytes) -> tuple[Certificate, bytes]:
        """The certificate of a later flight and what stands behind it."""
        if payload[: len(choices)] != choices:
            raise Refused("changed choices")
        rest = payload[len(choices) :]
        return Certificate.decode(rest[:CERTIFICATE_BYTES]), rest[CERTIFICATE_BYTES:]

    def _check_same(self, choices: Choices) -> None:
        first = self.first
        if (choices.pattern, choices.context, choices.suite) != (first.pattern, first.context, first.suite):
            raise Refused("other pattern, context or suite than the first flight's")
        if choices.lowest_version != choices.highest_version:
            raise Refused("several versions in a later flight")

    def _established(self, certificate: Certificate | None, proof: bytes | None = None) -> Established:
        state = self.noise.state
        secrets = SessionSecrets(self.first.suite, state.chaining_key, state.hash)
        return Established(secrets, self.first.pattern, self.version, self.is_initiator, certificate, proof)


class Initiator(Side):
    is_initiator = True

    def __init__(
        self, identity: Identity, dialled: UUID, secret: SharedSecret | None = None, pattern: int = MUTUAL,
        suite: Suite = Suite(), versions: tuple[int, int] = (LOWEST_VERSION, HIGHEST_VERSION),
    ):
        super().__init__(identity, dialled, secret)
        self.dialled = dialled
        self.pattern, self.suite, self.versions = pattern, suite, versions
        self.hash_after_second = b""

    def write_first(self, minute: int | None = None) -> bytes:
        minute = minute_now() if minute is None else minute
        self._begin(Choices(*self.versions, self.pattern, self.suite, minute))
        return self.mask.seal(1, self.first.encode(), self.noise.write(b""))

    def read_second(self, choices_bytes: bytes, message: bytes) -> Certificate:
        choices = Choices.decode(choices_bytes)
        self._check_same(choices)
        if not self.versions[0] <= choices.lowest_version <= self.versions[1]:
            raise Refused("version not offered")
        self.version = choices.lowest_version
        certificate, rest = self._read_payload(self.noise.read(message), choices_bytes)
        if rest:
            raise Refused("bytes behind the responder's certificate")
        certificate.judge(self.noise.remote_static, self.identity.uuid, dialled=self.dialled)
        self.hash_after_second = self.noise.state.hash
        self.certificate = certificate
        return certificate

    def write_third(self, resumption: Resumption | None = None, certificate: Certificate | None = None) -> bytes:
        choices = self._later_choices()
        payload = choices + (certificate or self.identity.certificate()).encoded
        if resumption:
            payload += resumption_proof(resumption.session_id, resumption.secret, self.hash_after_second)
        return self.mask.seal(3, choices, self.noise.write(payload))

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
        versions: tuple[int, int] = (LOWEST_VERSION, HIGHEST_VERSION),
    ):
        super().__init__(identity, identity.uuid, secret)
        self.admits_anonymous, self.versions = admits_anonymous, versions

    def read_first_head(self, seed: bytes, choices_bytes: bytes, seen: SeenSeeds) -> None:
        """What is checked before public-key work, in the articles' order."""
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
        if choices.pattern != MUTUAL and not self.admits_anonymous:
            raise Refused("anonymous initiator")
        self._begin(choices)

    def read_first(self, message: bytes) -> None:
        if self.noise.read(message):
            raise Refused("payload in the first flight")

    def write_second(self) -> bytes:
        choices = self._later_choices()
        return self.mask.seal(2, choices, self.noise.write(choices + self.identity.certificate().encoded))

    def read_third(self, choices_bytes: bytes, message: bytes) -> Established:
        choices = Choices.decode(choices_bytes)
        self._check_same(choices)
        if choices.lowest_version != self.version:
            raise Refused("other version than the second flight's")
        certificate, proof = self._read_payload(self.noise.read(message), choices_bytes)
        if len(proof) not in (0, PROOF_BYTES):
            raise Refused("bytes behind the initiator's certificate")
        certificate.judge(self.noise.remote_static, self.identity.uuid)
        return self._established(certificate, proof or None)

    def established_anonymous(self) -> Established:
        return self._established(None)


def read_flight(side: Side, flight: int, read, check_head=None) -> tuple[bytes, bytes]:
    """Choices and Noise message of the flight that comes next; `read(n)` gives n bytes.

    `check_head(seed, choices)` is asked before the body is read.
    """
    head = read(HEAD_BYTES)
    choices, rest, message_count = side.mask.open_head(flight, head)
    if check_head:
        check_head(head[:SEED_BYTES], choices)
    return choices, side.mask.open_body(flight, head[:SEED_BYTES], read(rest), message_count)
