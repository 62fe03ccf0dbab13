"""A peer whose streams are granted everything, and who reads nothing: what it has the node hold."""

import socket
import threading
import time

from checks.nodes import RealNode
from checks.report import Report, expect
from gatepeer import socks5
from gatepeer.messages import Ping, StreamData, StreamOpen
from gatepeer.session import Session

from .floods import standing
from .watch import KERNEL, attack, memory, program

MIB = 1 << 20
ENDLESS = 1 << 62
SECONDS = 5.0
# Below the 75 s after which such a session ends; what is held is reached within the first of these seconds.
MOST_MIB = {4: 32, 64: 32, 256: 48}
# Bytes that come one by one, each a read of the exit and a frame of its link.
DRIPPING, DRIPPED_MIB, DRIPPING_SECONDS = 64, 64, 15.0


def check(report: Report, node: RealNode) -> None:
    node.set("reputation.enabled", "false")
    for count, most in MOST_MIB.items():
        with attack(report, node, f"{count} streams that nobody reads", most):
            with report.check(f"{count} streams with endless credit that nobody reads cost less than {most} MiB"):
                expect_held(node, count, most, pour_into)
    with attack(report, node, "streams that come byte by byte and nobody reads", DRIPPED_MIB):
        with report.check(f"{DRIPPING} streams that come byte by byte cost less than {DRIPPED_MIB} MiB"):
            expect_held(node, DRIPPING, DRIPPED_MIB, drip_into, DRIPPING_SECONDS)


def expect_held(node: RealNode, count: int, most: int, send_to, seconds: float = SECONDS) -> None:
    held = most_held(node, count, send_to, seconds) / MIB
    print(f"    {held:.0f} MiB")
    expect(held < most, f"{held:.0f} MiB more")


def most_held(node: RealNode, count: int, send_to, seconds: float = SECONDS) -> int:
    """The most memory that the worker took meanwhile, above what it had."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as target:
        threading.Thread(target=serve, args=(target, send_to), daemon=True).start()
        session, process = standing(node), program(node, KERNEL)
        before, most = memory(process), 0
        ask(session, target, count)
        deadline, said = time.monotonic() + seconds, 0
        while time.monotonic() < deadline:
            most = max(most, memory(process) - before)
            time.sleep(0.05)
            if (said := said + 1) % 20 == 0:
                session.send(Ping(said))
        session.connection.close()
    return most


def ask(session: Session, target: socket.socket, count: int) -> None:
    """Opens so many streams to the target by way of the exit, and grants each all there is."""
    request = socks5.request("127.0.0.1", target.getsockname()[1])
    for number in range(count):
        alias = 2 * number + 1
        session.send(StreamOpen(alias, 7, number, socks5.EXTENDER, 2, ENDLESS), StreamData(alias, request))


def serve(target: socket.socket, send_to) -> None:
    """Sends to whoever connects."""
    while True:
        try:
            connection, _ = target.accept()
        except OSError:
            return
        threading.Thread(target=send_to, args=(connection,), daemon=True).start()


def pour_into(connection: socket.socket) -> None:
    """As much as it takes."""
    piece = bytes(MIB)
    try:
        while True:
            connection.sendall(piece)
    except OSError:
        connection.close()


def drip_into(connection: socket.socket) -> None:
    """Byte by byte, each at once."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            connection.send(b"x")
    except OSError:
        connection.close()
