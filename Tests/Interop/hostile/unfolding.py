"""How long others' handshakes take beside peers that send compressed messages at a rate, and beside the same bytes plain."""

import statistics
import threading
import time

from checks.nodes import RealNode
from checks.report import Report, expect
from gatepeer.messages import MessageStart, encode

from .floods import FOLDED, SOCKS5, UNKNOWN, read_on, standing, unfolding
from .watch import attack

SECONDS, SENDERS, BYTES_A_SECOND = 5.0, 2, 8e6
MEDIAN_MS_MOST = 100
KINDS = {
    "nothing": None,
    "messages that are not compressed": lambda number: encode(MessageStart(1, UNKNOWN, number, 0, len(FOLDED), FOLDED)),
    "messages that unfold to 30 times": lambda number: unfolding(number, SOCKS5),
    "the same for nobody": lambda number: unfolding(number, UNKNOWN),
}


def check(report: Report, node: RealNode) -> None:
    node.set("reputation.enabled", "false")
    for name, plaintext in KINDS.items():
        with attack(report, node, f"{name} at 8 MB/s", 40):
            with report.check(f"beside {name}: a handshake and a ping take less than {MEDIAN_MS_MOST} ms"):
                times = dials_beside(node, plaintext)
                median, most = statistics.median(times), statistics.quantiles(times, n=10)[-1]
                print(f"    median {median:.1f} ms, p90 {most:.1f} ms")
                expect(median < MEDIAN_MS_MOST, f"{median:.0f} ms")


def dials_beside(node: RealNode, plaintext) -> list[float]:
    """Milliseconds that each of many dials takes."""
    deadline, times = time.monotonic() + SECONDS, []
    senders = [threading.Thread(target=send_at_rate, args=(node, plaintext, deadline), daemon=True)
               for _ in range(SENDERS if plaintext else 0)]
    for sender in senders:
        sender.start()
    time.sleep(1)
    while time.monotonic() < deadline:
        begin = time.monotonic()
        standing(node).close()
        times.append(1000 * (time.monotonic() - begin))
        time.sleep(0.03)
    for sender in senders:
        sender.join()
    return times


def send_at_rate(node: RealNode, plaintext, deadline: float) -> None:
    session = standing(node)
    session.connection.settimeout(SECONDS)
    threading.Thread(target=read_on, args=(session.connection,), daemon=True).start()
    begin, sent, number = time.monotonic(), 0, 0
    try:
        while time.monotonic() < deadline:
            record = session.sealing.seal(plaintext(number := number + 1), padding=0)
            session.connection.sendall(record)
            sent += len(record)
            time.sleep(max(0.0, sent / BYTES_A_SECOND - (time.monotonic() - begin)))
    except OSError:
        pass
    session.connection.close()
