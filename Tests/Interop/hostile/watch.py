"""What a node has to be after each attack: the same process, no larger, and there for honest peers."""

import time
from contextlib import contextmanager
from pathlib import Path

from checks.nodes import RealNode
from checks.report import Report, eventually, expect
from gatepeer.identity import Identity
from gatepeer.session import dial

KERNEL, SOCKS5 = "gate-kernel", "gate-socks5"
REFUSED, FAILED = "gate_connections_refused_total", "gate_handshakes_failed_total"
ESTABLISHED, UNFINISHED, STANDING = "gate_sessions_established_total", "gate_handshakes", "gate_sessions"
GROWTH_MIB = 16
HONEST_SECONDS = 2


def program(node: RealNode, name: str) -> int:
    """The process of one of the node's programs; comm has its first 15 bytes."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        if fields["Name"] == name and int(fields["PPid"]) == node.process.pid:
            return int(fields["Pid"])
    raise AssertionError(f"{name} is gone")


def memory(process: int) -> int:
    """Bytes of memory that the process has."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise AssertionError("process is gone")


def serve_honest(node: RealNode) -> None:
    begin = time.monotonic()
    session = dial(node.address, node.uuid, Identity())
    session.ping()
    session.close()
    expect(time.monotonic() - begin < HONEST_SECONDS, "in time")


@contextmanager
def attack(report: Report, node: RealNode, name: str, growth_mib: int = GROWTH_MIB):
    """After the body one check more: what the attack left of the node."""
    processes = {name: program(node, name) for name in (KERNEL, SOCKS5)}
    before = {name: memory(process) for name, process in processes.items()}
    yield
    with report.check(f"after {name}: the same processes, no larger, an honest peer is served"):
        expect({name: program(node, name) for name in processes} == processes, "the same processes")
        expect(eventually(lambda: node.metric(UNFINISHED) == 0, 12), "handshakes that wait")
        serve_honest(node)
        for program_name, process in processes.items():
            def growth() -> int:
                return memory(process) - before[program_name] >> 20
            expect(eventually(lambda: growth() < growth_mib), f"{program_name} has {growth()} MiB more")
