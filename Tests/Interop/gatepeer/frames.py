"""Frames between a node's own processes (article Frames)."""

import struct


def frame(kind: int, stream: int, body: bytes) -> bytes:
    return struct.pack(">IBI", 1 + 4 + len(body), kind, stream) + body
