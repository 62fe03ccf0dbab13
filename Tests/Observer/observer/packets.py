"""Packets as they cross loopback, for what a proxy can't tell: where one side's writes end (Linux, root).

The sender's TCP sets the push flag on the last segment of a write that it sends whole."""

import socket
import struct
import threading
from collections import Counter

from .lengths import SHARE_MAX
from .positions import ROWS_MIN
from .report import Judgement

ETH_P_IP = 0x0800
OUTGOING = 4
ETHERNET_BYTES = 14
# Headers are all that is looked at.
HEADERS_BYTES = 128
SO_RCVBUFFORCE = 33
BUFFER_BYTES = 64 << 20
PUSH = 0x08
# A push on a segment of full length comes from a window that was full; a write ends with a shorter one.
FULL_SEGMENT_BYTES = 65_000
# Shorter writes carry whatever there was to say.
LARGE_BYTES = 60_000


class WriteCapture:
    """The lengths of what one listening port writes, connection by connection."""

    def __init__(self, port: int):
        self.port = port
        self.lengths: list[int] = []
        # By the other side's port: bytes since the last write's end, and the next sequence number.
        self._flows: dict[int, tuple[int, int]] = {}
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        self._socket.bind(("lo", ETH_P_IP))
        threading.Thread(target=self._read, daemon=True).start()

    def stop(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        while True:
            try:
                packet, address = self._socket.recvfrom(HEADERS_BYTES)
            except OSError:
                return
            # Each packet of loopback is seen twice.
            if address[2] != OUTGOING:
                self._look(packet[ETHERNET_BYTES:])

    def _look(self, packet: bytes) -> None:
        if len(packet) < 40 or packet[9] != socket.IPPROTO_TCP:
            return
        tcp = (packet[0] & 15) * 4
        source, target, sequence = struct.unpack_from("!HHI", packet, tcp)
        if source != self.port:
            return
        length = struct.unpack_from("!H", packet, 2)[0] - tcp - (packet[tcp + 12] >> 4) * 4
        if length <= 0:
            return
        since, expected = self._flows.get(target, (0, sequence))
        # What is sent again, or was missed, says nothing of lengths.
        since = since + length if sequence == expected else 0
        if packet[tcp + 13] & PUSH and length < FULL_SEGMENT_BYTES:
            if since:
                self.lengths.append(since)
            since = 0
        self._flows[target] = (since, (sequence + length) % (1 << 32))


def judge(lengths: list[int]) -> Judgement:
    large = Counter(length for length in lengths if length >= LARGE_BYTES)
    count = large.total()
    findings = [] if count >= ROWS_MIN else [f"only {count} large writes were seen"]
    if count and (times := large.most_common(1)[0][1]) > SHARE_MAX * count:
        findings.append(f"{large.most_common(1)[0][0]} bytes in {times} of {count} large writes")
    looked_at = f"{count} writes of {LARGE_BYTES} bytes and more, {len(large)} different lengths"
    return Judgement("no constant length of large writes", looked_at, findings)
