"""A peer whose streams are granted everything, and who reads nothing: what it has the node hold."""

import socket
import threading
import time

from checks.nodes import RealNode
from checks.report import Report, expect
from gatepeer import socks5
from gatepeer.messages import Ping, StreamData, StreamOpen

from .floods import standing
from .watch import KERNEL, attack, memory, program

MIB = 1 << 20
ENDLESS = 1 << 62
SECONDS = 5.0
# Below the 75 s after which such a session ends; what is held is reached within the first of these seconds.
MOST_MIB = {4: 32, 64: 32, 256: 48}


def check(report: Report, node: RealNode) -> None:
    node.set("reputation.enabled", "false")
    for count, most in MOST_MIB.items():
        with attack(report, node, f"{count} streams that nobody reads", most):
            with report.check(f"{count} streams with endless credit that nobody reads cost less than {most} MiB"):
                held = most_held(node, count) / MIB
                print(f"    {held:.0f} MiB")
                expect(held < most, f"{held:.0f} MiB more")


def most_held(node: RealNode, count: int) -> int:
    """The most memory that the worker took meanwhile, above what it had."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as target:
        threading.Thread(target=pour, args=(target,), daemon=True).start()
        session, process = standing(node), program(node, KERNEL)
        before, most = memory(process), 0
        request = socks5.request("127.0.0.1", target.getsockname()[1])
        for number in range(count):
            alias = 2 * number + 1
            session.send(StreamOpen(alias, 7, number, socks5.EXTENDER, 2, ENDLESS), StreamData(alias, request))
        deadline, said = time.monotonic() + SECONDS, 0
        while time.monotonic() < deadline:
            most = max(most, memory(process) - before)
            time.sleep(0.05)
            if (said := said + 1) % 20 == 0:
                session.send(Ping(said))
        session.connection.close()
    return most


def pour(target: socket.socket) -> None:
    """Sends to whoever connects for as long as it takes anything."""
    while True:
        try:
            connection, _ = target.accept()
        except OSError:
            return
        threading.Thread(target=pour_into, args=(connection,), daemon=True).start()


def pour_into(connection: socket.socket) -> None:
    piece = bytes(MIB)
    try:
        while True:
            connection.sendall(piece)
    except OSError:
        connection.close()
