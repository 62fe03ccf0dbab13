"""The rules of the articles, each of which can be left out, so that every claim is shown to be able to fail."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """All of them hold in the protocol."""

    # Certificates (Handshake, "Identity")
    checks_signature: bool = True
    checks_static_key: bool = True
    """The certificate's static key is the handshake's `s`."""
    checks_node_dialled: bool = True
    checks_own_node: bool = True
    judges_before_last: bool = True
    """The initiator judges the answer's certificate before it sends its last flight."""

    # ML-DSA (Handshake, "Post-quantum authentication")
    uuid_covers_post_quantum: bool = True
    """The UUID is made of the whole bundle; without it of the Ed25519 key alone."""
    refuses_other_version: bool = True
    """A bundle with an ML-DSA key comes in a certificate of version 2 only, one without in version 1 only."""
    checks_post_quantum_signature: bool = True
    """That of the bundle's ML-DSA key under the certificate."""
    covers_worker_key: bool = True
    """What is signed under a certificate of version 2 holds the worker's ML-DSA key."""
    checks_handshake_signature: bool = True
    signs_hash: bool = True
    """What the worker's ML-DSA key signs holds the handshake hash."""
    signs_role: bool = True
    """It is signed under a label for the responder, and another for the initiator."""

    # Noise tokens
    mixes_ee: bool = True
    mixes_es: bool = True
    mixes_se: bool = True
    mixes_ekem1: bool = True
    mixes_psk: bool = True

    draws_fresh_keys: bool = True
    """Ephemeral keys, ML-KEM keys and randomness serve one handshake."""

    # What is bound (Handshake, "What is bound")
    binds_prologue: bool = True
    binds_retry: bool = True
    """The prologue after a retry holds first opening and retry, too."""
    binds_puzzle: bool = True
    """The prologue after a retry holds the puzzle and its solution."""
    checks_solution: bool = True
    """The responder answers no second opening without the solution that it asked for."""
    binds_transcript: bool = True
    """The handshake hash is associated data of everything sealed, and part of the root."""
    compares_choices: bool = True
    """The payload of answer and last repeats the header's choices."""
    binds_context: bool = True
    """Context as one of the choices; without it neither prologue nor payload tells contexts apart."""

    # Flights
    masks_with_secret: bool = True
    remembers_seeds: bool = True
    remembers_second_seeds: bool = True
    """Those of the openings behind a retry, too."""
