"""Makes every committed vector again; ends with 1 where one differs. No node is needed."""

import sys

from . import circuits, handshakes, sessions
from .files import Verdict

CHECKS = [
    sessions.check_records, sessions.check_messages, sessions.check_compression, sessions.check_key_updates,
    sessions.check_article, handshakes.check_masks, handshakes.check_node_records, handshakes.check_handshakes,
    handshakes.check_post_quantum, circuits.check_cells, circuits.check_frames,
]


def main() -> int:
    verdict = Verdict()
    for check in CHECKS:
        before = verdict.same
        check(verdict)
        print(f"{check.__name__.removeprefix('check_').replace('_', ' '):<16}{verdict.same - before:>5} the same")
    print(f"vectors: {verdict.same} the same, {verdict.other} other")
    return 1 if verdict.other else 0


if __name__ == "__main__":
    sys.exit(main())
