"""Two real nodes on loopback, started with the built programs, each in a folder of its own."""

import base64
import os
import random
import signal
import socket
import subprocess
import threading
from pathlib import Path
from uuid import UUID

READY_SECONDS = 30
STOP_SECONDS = 20
PORTS_OF_A_NODE = (0, 10, 20, 30, 31, 32, 80)
BASES_LEFT = [base * 100 for base in range(100, 320)]
random.shuffle(BASES_LEFT)

# Where a node record has its Ed25519 key: behind version, count of keys and algorithm.
RECORD_KEY = slice(3, 35)


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
    """Database service, a kernel worker and the SOCKS5 extender."""

    def __init__(self, name: str, below: Path, programs: Path):
        self.name = name
        self.program = programs / "quantumgate"
        self.folder = below / name
        self.base = free_port_base()
        made = self.command("init", str(self.folder), "--port-base", str(self.base), "--listen", f"{self.host_port}")
        self.uuid = UUID(made.split()[0])
        with open(below / f"{name}.log", "wb") as log:
            self.process = subprocess.Popen(
                [self.program, "node", str(self.folder)], stdout=subprocess.PIPE, stderr=log)

    @property
    def host_port(self) -> str:
        return f"127.0.0.1:{self.base}"

    @property
    def socks(self) -> tuple[str, int]:
        return "127.0.0.1", self.base + 80

    def wait_ready(self) -> None:
        late = threading.Timer(READY_SECONDS, self.process.kill)
        late.start()
        line = self.process.stdout.readline()
        late.cancel()
        if not line.startswith(b"ready "):
            raise RuntimeError(f"node {self.name} did not become ready: {line!r}")

    def command(self, *words: str) -> str:
        done = subprocess.run([self.program, *words], capture_output=True, text=True, timeout=READY_SECONDS)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def at(self, *words: str) -> str:
        """A command about this node; `words` begin with the command and, where there is one, its subcommand."""
        return self.command(*words, "--dir", str(self.folder))

    def public_key(self) -> bytes:
        """The identity's Ed25519 key, which is public: in the record of the card."""
        record = self.at("card", "--record").split()[0].partition("#")[2]
        return base64.urlsafe_b64decode(record + "=" * (-len(record) % 4))[RECORD_KEY]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()
