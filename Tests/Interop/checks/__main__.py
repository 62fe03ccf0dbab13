"""Starts real nodes on loopback, checks them, stops them. `GATE_PROGRAMS` names the folder of the built programs."""

import os
import shutil
import signal
import socket
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from gatepeer.flights import SharedSecret
from gatepeer.noise import ANONYMOUS, MUTUAL
from gatepeer.suites import ALL_SUITES, Suite

from . import answering, dialling, faults, mutations, postquantum, puzzles, updating, web
from .nodes import RealNode
from .report import Report

NETWORK_SECRET = bytes(range(32, 64))
PASSPHRASE = "a passphrase for checks"
SOME_SUITES = [Suite(2, 1, 1), Suite(1, 2, 2), Suite(2, 2, 3)]
SECONDS_MAX = 420


def stop(number: int, _) -> None:
    sys.exit("taking too long" if number == signal.SIGALRM else "told to stop")


def main() -> int:
    programs = Path(os.environ.get("GATE_PROGRAMS", "")).absolute()
    if not (programs / "quantumgate").is_file():
        sys.exit("GATE_PROGRAMS has to name the folder of the built programs")
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS_MAX)
    report = Report()
    folder = Path(tempfile.mkdtemp(prefix="gate-interop-"))
    with ExitStack() as running:
        running.callback(remove, folder, report)

        def start(name: str, **options) -> RealNode:
            node = RealNode(name, folder, programs, **options)
            running.callback(node.stop)
            return node

        nodes = [
            start("plain"), start("secret", shared_secret=NETWORK_SECRET.hex()),
            start("old", shared_secret=PASSPHRASE, newest_version=1), start("signing", is_post_quantum=True),
        ]
        for node in nodes:
            node.wait_ready()
        server = web.start()
        running.callback(server.shutdown)
        check(report, *nodes, server.server_address[1])
    return report.close()


def remove(folder: Path, report: Report) -> None:
    """Removes what the nodes left, unless it may tell why a check failed."""
    if report.failures:
        print(f"the nodes' folders and logs are in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)


def check(report: Report, plain: RealNode, secret_node: RealNode, old: RealNode, signing: RealNode, web_port: int) -> None:
    secret = SharedSecret(NETWORK_SECRET)
    dialling.check_access(report, plain)
    for node in (plain, secret_node, old, signing):
        node.set("access.default", "allow")
        node.set("access.anonymous", "true")
        node.set("socks5.exit", "all")
        node.set("socks5.exit-allow-private", "true")

    dialling.check_suites(report, plain, None)
    dialling.check_suites(report, secret_node, secret)
    dialling.check_retry(report, plain, None, ALL_SUITES)
    dialling.check_retry(report, secret_node, secret, SOME_SUITES)
    answering.check_suites(report, plain, None, ALL_SUITES)
    answering.check_suites(report, secret_node, secret, SOME_SUITES)
    answering.check_retry(report, plain, None, ALL_SUITES)
    answering.check_retry(report, secret_node, secret, SOME_SUITES)

    passphrase = SharedSecret.of(PASSPHRASE)
    dialling.check_versions(report, plain, 2, None)
    dialling.check_versions(report, old, 1, passphrase)
    answering.check_versions(report, plain, 2, None)
    answering.check_versions(report, old, 1, passphrase)
    dialling.check_certificates(report, plain)

    dialling.check_messages(report, plain)
    dialling.check_stream(report, plain, web_port, None, MUTUAL, Suite())
    dialling.check_stream(report, plain, web_port, None, ANONYMOUS, Suite(1, 2, 2))
    dialling.check_stream(report, secret_node, web_port, secret, MUTUAL, Suite(2, 2, 3))
    dialling.check_streams(report, plain, closed_port())
    answering.check_exit(report, plain, None)
    answering.check_exit(report, secret_node, secret)
    answering.check_second_flight(report, plain)
    dialling.check_resumption(report, plain)
    dialling.check_duplicates(report, plain)

    updating.check_example(report)
    updating.check_asking(report, plain, None)
    updating.check_asking(report, secret_node, secret)
    updating.check_answering(report, plain, web_port)
    updating.check_volume(report, plain, web_port)
    updating.check_resumption(report, plain)
    updating.check_faults(report, plain)
    updating.check_lateness(report, plain)

    postquantum.check_dialling(report, signing, plain)
    postquantum.check_answering(report, signing, plain)
    postquantum.check_faults(report, signing)

    puzzles.check_dialling(report, plain, None)
    puzzles.check_dialling(report, secret_node, secret)
    puzzles.check_answering(report, plain, None)
    puzzles.check_answering(report, secret_node, secret)

    faults.check_faults(report, plain)
    faults.check_limits(report, plain)
    mutations.check(report, plain, None, step=1)
    mutations.check(report, secret_node, secret, step=7)
    mutations.check_retry(report, plain, None, step=5)
    mutations.check_retry(report, secret_node, secret, step=11)
    dialling.check_silence(report, plain)


def closed_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
