"""The cases of ML-DSA identities, nearly all with X25519 and Ed25519 broken while the handshake runs."""

from __future__ import annotations

from dataclasses import replace

from .case import Case
from .claims import ALL
from .handshakes import (
    ENDS, FEW, HIDDEN, KEYS, SECRET, A, B, answers, dials, header, pair, some, three, without)
from .knowledge import Powers
from .parts import Node
from .rules import Rules
from .search import Later, Scene

QUANTUM = Powers(breaks_agreement=True, breaks_signatures=True)
SIGNATURES = Powers(breaks_signatures=True)

PA, PB = Node("A", has_post_quantum=True), Node("B", has_post_quantum=True)
PB_NARROW = Node("B", suites=(2,), has_post_quantum=True)
PB_OPEN = Node("B", admits_anonymous=True, has_post_quantum=True)
WORKER_OF_PB = frozenset({PB.static, PB.signing})

# What the side that looks at an ML-DSA identity is sure of.
OF_RESPONDER = some("responder is proven", "initiators' secrecy")
OF_INITIATOR = some("initiator is proven", "responders' secrecy")


def broken(parts: tuple, **more) -> Scene:
    return Scene(parts, powers=QUANTUM, **more)


HOLDING = [
    Case("ML-DSA on both sides", Scene(three(PA, PB), openings=FEW), ALL | HIDDEN, completes=2),
    Case("ML-DSA, quantum attacker", broken(pair(PA, PB), openings=FEW), ALL | HIDDEN, completes=2),
    Case("ML-DSA, quantum attacker, two dials", broken(three(PA, PB)), ALL | HIDDEN, completes=2),
    Case("ML-DSA, quantum attacker, retry", broken(pair(PA, PB_NARROW), openings=FEW), ALL | HIDDEN, completes=2),
    Case("ML-DSA, Ed25519 broken", Scene(three(PA, PB), powers=SIGNATURES), ALL | HIDDEN, completes=2),
    Case(
        "ML-DSA of the responder alone, quantum attacker: A is sure of B", broken(pair(A, PB), openings=FEW),
        OF_RESPONDER | HIDDEN, completes=2),
    Case(
        "ML-DSA of the initiator alone, quantum attacker: B is sure of A", broken(pair(PA, B), openings=FEW),
        OF_INITIATOR, completes=2),
    Case(
        "ML-DSA, quantum attacker, anonymous initiator",
        broken((dials(1, A, PB.identity, pattern="anonymous"), answers(1, PB_OPEN)),
               openings=(header(pattern="anonymous"),)),
        OF_RESPONDER, completes=2),
    Case(
        "ML-DSA, quantum attacker has B's worker keys: B is still sure of A",
        broken(pair(PA, PB), knows=WORKER_OF_PB), OF_INITIATOR, completes=2),
    Case(
        "ML-DSA, X25519 and Ed25519 broken later, worker keys leak",
        Scene(pair(PA, PB), later=Later(KEYS | WORKER_OF_PB | {PA.signing}, QUANTUM)), SECRET, completes=2),
]

LIMITS = [
    Case(
        "quantum attacker, Ed25519 identities", broken(pair()), ALL,
        fails=("secrecy", "responder is proven", "initiator is proven")),
    Case("Ed25519 broken, Ed25519 identities", Scene(pair(), powers=SIGNATURES), ALL, fails=("responder is proven",)),
    Case(
        "ML-DSA of the responder alone, quantum attacker: B is not sure of A", broken(pair(A, PB)), ENDS,
        fails=("initiator is proven", "responders' secrecy")),
    Case(
        "ML-DSA of the initiator alone, quantum attacker: A is not sure of B", broken(pair(PA, B)), ENDS,
        fails=("responder is proven", "initiators' secrecy")),
    Case(
        "ML-DSA of the initiator alone, quantum attacker: its certificate shows", broken(pair(PA, B)), HIDDEN,
        fails=tuple(HIDDEN)),
    Case(
        "ML-DSA, B's worker keys stolen", Scene(pair(PA, PB), knows=WORKER_OF_PB), ENDS,
        fails=("responder is proven", "initiators' secrecy")),
    Case(
        "ML-DSA, quantum attacker, ML-KEM broken later", Scene(
            pair(PA, PB), powers=QUANTUM, later=Later(powers=Powers(True, True, True))), SECRET, fails=("secrecy",)),
]

# Both answer and neither dials: no worker signs as an initiator.
ANSWERING_ONLY = Scene((answers(1, PB), answers(2, PA)), powers=QUANTUM, openings=(header(),))

BROKEN = [
    without(
        "checks_handshake_signature", broken(pair(PA, PB)), ALL, "responder is proven", "initiator is proven",
        "secrecy"),
    without(
        "uuid_covers_post_quantum", broken(pair(PA, PB)), ALL, "responder is proven", "initiator is proven", "secrecy"),
    without(
        "refuses_other_version", broken(pair(PA, PB)), ALL, "responder is proven", "initiator is proven", "secrecy"),
    without(
        "checks_post_quantum_signature", broken(pair(PA, PB)), ALL, "responder is proven", "initiator is proven",
        "secrecy"),
    without("covers_worker_key", broken(pair(PA, PB)), ALL, "responder is proven", "initiator is proven", "secrecy"),
    without("signs_hash", broken(pair(PA, PB)), ALL, "responder is proven", "secrecy"),
    without("signs_role", ANSWERING_ONLY, OF_INITIATOR, *OF_INITIATOR, also=("signs_hash",)),
]

# With the hash signed no signature fits another place than its own; with the role alone signed still none of who answers
# serves one who dials. Both left out are above.
UNNEEDED = [
    Case(
        "not: signs role", broken(pair(PA, PB), rules=Rules(signs_role=False), openings=FEW), ALL | HIDDEN,
        completes=2),
    Case(
        "not: signs role, nobody dials", replace(ANSWERING_ONLY, rules=Rules(signs_role=False)), OF_INITIATOR,
        completes=0),
    Case(
        "not: signs hash, nobody dials", replace(ANSWERING_ONLY, rules=Rules(signs_hash=False)), OF_INITIATOR,
        completes=0),
]
