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
