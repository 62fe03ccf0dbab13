"""Many peers that read nothing, each within its own bounds: what all together have the worker hold, and who has to go."""

import socket
import threading
import time

from checks.nodes import RealNode
from checks.report import Report, eventually, expect
from gatepeer.messages import StreamData

from .floods import standing
from .unread import MIB, ask, pour_into, serve
from .watch import KERNEL, attack, memory, program

SETTING, MAXIMUM, USUAL = "sessions.waiting-maximum", 64 * MIB, 256 * MIB
CROWDED, WAITING = "gate_sessions_crowded_out_total", "gate_sessions_waiting_bytes"
# Alone each has some 9 MiB wait.
PEERS, STREAMS, MOST_MIB = 96, 2, 128
# Of the exit, too, which keeps what peers did not acknowledge: all that sockets between hold.
LEFT_MIB = 768
READ_BYTES, READ_SECONDS = 32 * MIB, 30


def check(report: Report, node: RealNode) -> None:
    node.set("reputation.enabled", "false")
    node.set(SETTING, str(MAXIMUM))
    with attack(report, node, f"{PEERS} peers that read nothing", LEFT_MIB), \
            socket.create_server(("127.0.0.1", 0), backlog=1024) as target:
        threading.Thread(target=serve, args=(target, pour_into), daemon=True).start()
        process = program(node, KERNEL)
        before, gone = memory(process), node.metric(CROWDED)
        peers = [standing(node) for _ in range(PEERS)]
        for peer in peers:
            ask(peer, target, STREAMS)
        with report.check(f"one that reads has {READ_BYTES // MIB} MiB in {READ_SECONDS} s beside them"):
            begin = time.monotonic()
            download(node, target)
            print(f"    {READ_BYTES / MIB / (time.monotonic() - begin):.0f} MiB/s")
        with report.check(f"the slowest have to go, and all cost less than {MOST_MIB} MiB"):
            expect(eventually(lambda: node.metric(CROWDED) > gone), "sessions that ended")
            held, waiting = memory(process) - before, node.metric(WAITING)
            print(f"    {held / MIB:.0f} MiB, {waiting / MIB:.1f} MiB of it wait,"
                  f" {node.metric(CROWDED) - gone:.0f} of {PEERS} sessions ended")
            expect(held < MOST_MIB * MIB and waiting <= MAXIMUM, f"{held} bytes more, {waiting} wait")
        for peer in peers:
            peer.connection.close()
    node.set(SETTING, str(USUAL))


def download(node: RealNode, target: socket.socket) -> None:
    session, got = standing(node), 0
    ask(session, target, 1)
    deadline = time.monotonic() + READ_SECONDS
    while got < READ_BYTES:
        expect(time.monotonic() < deadline, f"{got} bytes in time")
        message = session.receive()
        got += len(message.bytes) if isinstance(message, StreamData) else 0
    session.close()
