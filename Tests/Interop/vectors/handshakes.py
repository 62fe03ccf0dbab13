"""Whole handshakes, masks of flights, node records, and what another implementation signed with ML-DSA."""

import hashlib
import io
import json
import struct
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gatepeer import messages, noderecord
from gatepeer.flights import HEAD_BYTES, RETRY, RETRY_PADDING, SEED_BYTES, TAG_BYTES, Choices, Mask, SharedSecret
from gatepeer.handshake import Initiator, Responder, Resumption, SeenSeeds, Side, is_retry, read_flight
from gatepeer.identity import INITIATOR_LABEL, RESPONDER_LABEL, Certificate, Identity, node_uuid
from gatepeer.messages import Ping
from gatepeer.noise import MUTUAL
from gatepeer.puzzles import Puzzle
from gatepeer.records import FROM_INITIATOR, FROM_RESPONDER, TAG_BYTES as RECORD_TAG_BYTES, RecordDirection, resumption_proof
from gatepeer.suites import Suite, Taken

from . import fixed
from .files import FOLDER, Verdict, entries


def check_masks(verdict: Verdict) -> None:
    for name, entry in entries("masks", "secrets"):
        secret = SharedSecret.of(entry.get("secret") or entry["passphrase"])
        verdict.compare(f"{name}, masking key", secret.masking_key.hex(), entry["masking_key"])
        verdict.compare(f"{name}, psk", secret.psk.hex(), entry["psk"])
    for name, entry in entries("masks", "parts"):
        mask = Mask(UUID(entry["dialled"]), None)
        mask.input = bytes.fromhex(entry["masking_key"]) + mask.input
        cipher = mask._cipher(bytes.fromhex(entry["seed"]), entry["flight"], entry["part"])
        verdict.compare(name, cipher.encrypt(bytes(12), bytes.fromhex(entry["plaintext"]), b"").hex(), entry["sealed"])


def check_node_records(verdict: Verdict) -> None:
    for name, entry in entries("node-records", "records"):
        signing = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(entry["identity_seed"]))
        bundle = b"\x01\x01" + signing.public_key().public_bytes_raw()
        verdict.compare(f"{name}, hash", hashlib.sha256(b"QuantumGate node v1" + bundle).hexdigest(), entry["bundle_hash"])
        verdict.compare(f"{name}, UUID", node_uuid(bundle), UUID(entry["uuid"]))
        made = noderecord.node_record(
            signing, entry["relays"], entry["sequence"], entry["expiry"],
            [Suite(*numbers) for numbers in entry["suites"]], [tuple(each) for each in entry["endpoints"]])
        verdict.compare(name, made.hex(), entry["record"])


def check_handshakes(verdict: Verdict) -> None:
    for name, entry in entries("handshakes", "handshakes"):
        with fixed.at(entry["wall"]):
            Transcript(f"{name} ({entry['name']})", entry, verdict).check()


def identity(entry: dict, number: int) -> Identity:
    """The node that a vector's side is; its worker has its number."""
    made = Identity()
    made.signing = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(entry["identity_seed"]))
    made.static = X25519PrivateKey.from_private_bytes(bytes.fromhex(entry["static"]))
    made.worker = struct.pack(">Q", number)
    made.bundle = b"\x01\x01" + made.signing.public_key().public_bytes_raw()
    made.uuid = node_uuid(made.bundle)
    return made


def taken(offers: bytes) -> Taken:
    return Taken(*(tuple(number for number in range(1, 8) if bits >> number & 1) for bits in offers))


class Transcript:
    """Both sides in turn: what each writes has to be the vector's flight, and the other reads that."""

    def __init__(self, name: str, entry: dict, verdict: Verdict):
        self.name, self.entry, self.verdict = name, entry, verdict
        self.flights = [bytes.fromhex(each) for each in entry["flights"]]
        self.secret = SharedSecret(bytes.fromhex(entry["secret"])) if entry["secret"] else None
        self.sides = {who: identity(entry[who], number) for who, number in (("initiator", 1), ("responder", 2))}
        mask = Mask(self.sides["responder"].uuid, self.secret)
        self.heads = [mask.open_head(number, flight[:HEAD_BYTES]) for number, flight in enumerate(self.flights, 1)]

    def check(self) -> None:
        for who, side in self.sides.items():
            self.verdict.compare(f"{self.name}, certificate", side.certificate().encoded.hex(), self.entry[who]["certificate"])
            self.verdict.compare(f"{self.name}, UUID", side.uuid, UUID(self.entry[who]["uuid"]))
        choices = [Choices.decode(head[0]) for head in self.heads]
        initiator = Initiator(
            self.sides["initiator"], self.sides["responder"].uuid, self.secret, self.entry["pattern"],
            choices[0].suite, taken=taken(choices[0].offers))
        puzzle = self._puzzle(choices[1])
        responder = Responder(
            self.sides["responder"], self.secret, taken=taken(choices[1].offers), effort=puzzle.effort if puzzle else 0)
        self.number, seen = 0, SeenSeeds()
        self._write(initiator, initiator.write_opening)
        opening = self._read(responder, lambda seed, head: responder.read_opening_head(seed, head, seen))[1]
        if responder.has_to_retry:
            self._write(responder, lambda: responder.write_retry(puzzle), RETRY_PADDING - self.heads[1][2])
            retry, message = self._read(initiator)
            self.verdict.compare(f"{self.name}, retry", is_retry(retry), True)
            self._write(initiator, lambda: initiator.read_retry(retry, message))
            opening = self._read(responder, lambda seed, head: responder.read_opening_head(seed, head, seen))[1]
        self._write(responder, lambda: (responder.read_opening(opening), responder.write_answer())[1])
        initiator.read_answer(*self._read(initiator))
        if self.entry["pattern"] == MUTUAL:
            self._write(initiator, lambda: initiator.write_last(self._resumption()))
            answered = responder.read_last(*self._read(responder))
        else:
            answered = responder.established_anonymous()
        self.verdict.compare(f"{self.name}, flights", self.number, len(self.flights))
        self._check_proof(initiator, answered)
        self._check_secrets(initiator.established().secrets)
        self._check_secrets(answered.secrets)

    def _puzzle(self, second: Choices) -> Puzzle | None:
        """What the vector's retry asks to solve, if it has one that does."""
        count = self.heads[1][2]
        if second.kind != RETRY or not count:
            return None
        dialled, flight = self.sides["responder"].uuid, self.flights[1]
        message = Mask(dialled, self.secret).open_body(2, flight[:SEED_BYTES], flight[HEAD_BYTES:], count)
        return Puzzle.decode(message, dialled)

    def _write(self, side: Side, write, least: int = 0) -> None:
        """What a side writes with the seed and the amount of padding of the vector's flight."""
        flight, (_, rest, message_count) = self.flights[self.number], self.heads[self.number]
        who = "initiator" if side.is_initiator else "responder"
        padding = rest - TAG_BYTES - message_count - least
        with fixed.drawing(bytes.fromhex(self.entry[who]["ephemeral"])), fixed.flight(flight[:SEED_BYTES], padding):
            made = write()
        self.verdict.compare(f"{self.name}, flight {self.number + 1}", made.hex(), flight.hex())

    def _read(self, side: Side, check_head=None) -> tuple[bytes, bytes]:
        stream = io.BytesIO(self.flights[self.number])
        self.number += 1
        return read_flight(side, stream.read, check_head)

    def _resumption(self) -> Resumption | None:
        session, secret = (bytes.fromhex(self.entry[field]) for field in ("resumed_session", "resumed_secret"))
        return Resumption(session, secret) if session else None

    def _check_proof(self, initiator: Initiator, answered) -> None:
        claim = self._resumption()
        proof = claim and resumption_proof(claim.session_id, claim.secret, initiator.hash_after_answer)
        self.verdict.compare(f"{self.name}, proof", answered.proof, proof)

    def _check_secrets(self, secrets) -> None:
        entry = self.entry
        self.verdict.compare(f"{self.name}, session", secrets.session_id.hex(), entry["session"])
        self.verdict.compare(f"{self.name}, resumption", secrets.resumption_secret.hex(), entry["resumption_secret"])
        for who, direction, number in (("initiator", FROM_INITIATOR, 7), ("responder", FROM_RESPONDER, 8)):
            record = bytes.fromhex(entry[f"first_record_of_{who}"])
            plaintext = RecordDirection(secrets.suite, secrets.root, direction).open(record[:2], record[2:])
            self.verdict.compare(f"{self.name}, first record", messages.decode(plaintext), [Ping(number)])
            sealed = RecordDirection(secrets.suite, secrets.root, direction).seal(plaintext, 0)
            self.verdict.compare(f"{self.name}, first record's bytes", sealed.hex(), record.hex())


def check_post_quantum(verdict: Verdict) -> None:
    """Certificate and signatures with ML-DSA that the script beside the vectors made: signatures are drawn."""
    path = FOLDER.parent / "GateCryptoTests" / "Oracle" / "post-quantum.json"
    vectors = {key: bytes.fromhex(value) for key, value in json.loads(Path(path).read_text()).items()}
    certificate = Certificate.decode(vectors["certificate"])
    bundle_hash = hashlib.sha256(b"QuantumGate node v1" + certificate.bundle).digest()
    verdict.compare("post-quantum, bundle", bundle_hash, vectors["bundle_hash"])
    worker = MLDSA65PrivateKey.from_seed_bytes(b"\x03" * 32).public_key().public_bytes_raw()
    verdict.compare("post-quantum, worker's key", certificate.worker_key, worker)
    certificate.judge(b"\x09" * 32, UUID(int=0), now=1_800_000_000)
    for role_label, name in ((RESPONDER_LABEL, "responder_signature"), (INITIATOR_LABEL, "initiator_signature")):
        certificate.judge_signature(vectors[name], role_label, vectors["handshake_hash"])
        verdict.compare(f"post-quantum, {name}", True, True)
