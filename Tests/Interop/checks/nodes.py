"""Real nodes, started with the built programs, each in a folder of its own."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import urllib.request
from pathlib import Path
from uuid import UUID

from gatepeer.suites import ALL_SUITES, Suite

SUITE_SETTINGS = {
    "suite.kem": {1: "ml-kem-768", 2: "ml-kem-1024"},
    "suite.cipher": {1: "aes-256-gcm", 2: "chacha20-poly1305"},
    "suite.hash": {1: "sha-256", 2: "sha-512", 3: "blake2b"},
}
READY_SECONDS = 30
STOP_SECONDS = 20
PORTS_OF_A_NODE = (0, 10, 20, 30, 31, 32, 80)
BASES_LEFT = [base * 100 for base in range(100, 320)]
random.shuffle(BASES_LEFT)


def free_port_base() -> int:
    """A base from which all ports of a node are free now, below those that the system hands out itself."""
    while True:
        base = BASES_LEFT.pop()
        try:
            for offset in PORTS_OF_A_NODE:
                socket.create_server(("127.0.0.1", base + offset)).close()
            return base
        except OSError:
            continue


class RealNode:
    """One node: database service, a kernel worker and the SOCKS5 extender, on loopback."""

    def __init__(
        self, name: str, below: Path, programs: Path, shared_secret: str | None = None, newest_version: int = 2,
        is_post_quantum: bool = False,
    ):
        self.program = programs / "quantumgate"
        self.folder = below / name
        self.base = free_port_base()
        self.environment = dict(os.environ, QUANTUMGATE_PEERS_NEWEST_VERSION=str(newest_version))
        listen = f"127.0.0.1:{self.base}"
        kind = ["--pq-identity"] if is_post_quantum else []
        made = self.command("init", str(self.folder), "--port-base", str(self.base), "--listen", listen, *kind)
        self.uuid = UUID(made.split()[0])
        if shared_secret is not None:
            path = self.folder / "secrets" / "network.secret"
            path.write_text(shared_secret + "\n")
            path.chmod(0o600)
            self.environment["QUANTUMGATE_PEERS_SHARED_SECRET_FILE"] = str(path)
        with open(below / f"{name}.log", "wb") as log:
            self.process = subprocess.Popen(
                [self.program, "node", str(self.folder)], stdout=subprocess.PIPE, stderr=log, env=self.environment)

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.base

    @property
    def socks(self) -> tuple[str, int]:
        return "127.0.0.1", self.base + 80

    def wait_ready(self) -> None:
        late = threading.Timer(READY_SECONDS, self.process.kill)
        late.start()
        line = self.process.stdout.readline()
        late.cancel()
        if not line.startswith(b"ready "):
            raise RuntimeError(f"node in {self.folder} did not become ready: {line!r}")

    def command(self, *words: str) -> str:
        done = subprocess.run(
            [self.program, *words], capture_output=True, text=True, env=self.environment, timeout=READY_SECONDS)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def set(self, key: str, value: str) -> None:
        self.command("settings", "set", "--dir", str(self.folder), key, value)

    def take(self, *suites: Suite) -> None:
        """Has the node take what is in the suites, in their order; without any, everything."""
        columns = list(zip(*(suite.numbers for suite in suites or ALL_SUITES)))
        for key, names, numbers in zip(SUITE_SETTINGS, SUITE_SETTINGS.values(), columns):
            self.set(key, ",".join(names[number] for number in dict.fromkeys(numbers)))

    def add_peer(self, card: str) -> None:
        self.command("peers", "add", "--dir", str(self.folder), card)

    def refusals(self) -> str:
        """What the node says about connections that it refused."""
        return json.dumps(json.loads(self.command("status", "--json", "--dir", str(self.folder))).get("refusals", []))

    def metric(self, name: str, label: str = "") -> int:
        """The kernel worker's counter or gauge, over all labels, or those with this one."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.base + 30}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        values = re.findall(rf"^{name}(?:\{{.*{label}.*\}})? ([0-9.e+]+)$", text, re.MULTILINE)
        return int(sum(map(float, values)))

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def socks_request(proxy: tuple[str, int], user: str, host: str, port: int, patience: float = 10) -> socket.socket:
    """Asks a SOCKS5 proxy for a connection to a name, with a username (RFC 1928, 1929), and waits for no answer."""
    connection = socket.create_connection(proxy, timeout=patience)
    name, target = user.encode(), host.encode()
    connection.sendall(b"\x05\x01\x02")
    expect_bytes(connection, b"\x05\x02")
    connection.sendall(b"\x01" + bytes([len(name)]) + name + b"\x01x")
    expect_bytes(connection, b"\x01\x00")
    connection.sendall(b"\x05\x01\x00\x03" + bytes([len(target)]) + target + port.to_bytes(2, "big"))
    return connection


def expect_bytes(connection: socket.socket, expected: bytes) -> None:
    found = connection.recv(len(expected), socket.MSG_WAITALL)
    if found != expected:
        raise AssertionError(f"proxy said {found!r}")
