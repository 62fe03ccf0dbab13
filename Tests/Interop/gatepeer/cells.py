"""Cells of circuits: layers, payloads and what extends a circuit (article Circuits)."""

import struct

from .suites import CIPHERS, Refused, Suite, hkdf_expand, label

CELL_BYTES, HEAD_BYTES, LAYER_BYTES, TAG_BYTES = 2048, 5, 17, 16
BODY_BYTES = CELL_BYTES - HEAD_BYTES
DEPTH_MAX = 15
PASS_ON, FOR_YOU = 0, 1
FORWARD, BACKWARD = "forward", "backward"
PAYLOAD_HEAD_BYTES = 4
FRAGMENT_BYTES = BODY_BYTES - LAYER_BYTES * (DEPTH_MAX + 1) - PAYLOAD_HEAD_BYTES
RELAY = 3


def region_bytes(depth: int) -> int:
    """How much of a body the hop at that depth opens or seals."""
    return BODY_BYTES - LAYER_BYTES * depth


class Layer:
    """What the origin shares with one hop: a key and a counter for each direction."""

    def __init__(self, root: bytes, cipher: int, depth: int):
        assert cipher in CIPHERS
        self.suite, self.depth = Suite(cipher_number=cipher), depth
        self.keys = {way: hkdf_expand(root, label(f"QuantumGate cell {way} v1"), 32) for way in (FORWARD, BACKWARD)}
        self.counters = {FORWARD: 0, BACKWARD: 0}

    def seal(self, body: bytes, flag: int, way: str) -> bytes:
        """The body with its region sealed; the inner region is there already."""
        inner = body[: region_bytes(self.depth + 1)]
        sealed = self.suite.seal(self.keys[way], self.counters[way], inner + bytes([flag]), b"")
        self.counters[way] += 1
        return sealed + body[region_bytes(self.depth) :]

    def open(self, body: bytes, way: str) -> tuple[bytes, int]:
        """The inner region and the flag."""
        region = body[: region_bytes(self.depth)]
        plain = self.suite.open(self.keys[way], self.counters[way], region, b"")
        self.counters[way] += 1
        if plain[-1] not in (PASS_ON, FOR_YOU):
            raise Refused("flag of a cell")
        return plain[:-1], plain[-1]


def payload(command: int, remaining: int, content: bytes, byte_count: int) -> bytes:
    """A region of so many bytes that is not passed on."""
    return (bytes([command, remaining]) + struct.pack(">H", len(content)) + content).ljust(byte_count, b"\0")


def head(circuit: int, kind: int) -> bytes:
    return struct.pack(">IB", circuit, kind)


def plain_cells(circuit: int, kind: int, command: int, content: bytes, count: int) -> bytes:
    """Cells of a hop handshake, or one that opens: each has a fragment as its whole body."""
    parts = [content[index * FRAGMENT_BYTES : (index + 1) * FRAGMENT_BYTES] for index in range(count)]
    return b"".join(
        head(circuit, kind) + payload(command, count - 1 - index, part, BODY_BYTES)
        for index, part in enumerate(parts))


def wrapped(layers: list[Layer], region: bytes, flag_of_last: int, tail: bytes) -> bytes:
    """A body that the origin sends: the region for the last hop (or through it) in all layers, then the random tail."""
    body, flag = region, flag_of_last
    for layer in reversed(layers):
        body, flag = layer.seal(body, flag, FORWARD), PASS_ON
    return body + tail


def extend(record: bytes, cell_count: int, content: bytes) -> bytes:
    return struct.pack(">H", len(record)) + record + bytes([cell_count]) + content
