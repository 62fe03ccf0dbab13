"""Dials a node, or answers as one, for trying things by hand."""

import argparse
import sys
from pathlib import Path
from uuid import UUID

from . import messages
from .flights import SharedSecret
from .identity import Identity
from .noise import ANONYMOUS, MUTUAL
from .session import Ended, Node, dial
from .suites import Refused, Suite


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m gatepeer", description=__doc__)
    parser.add_argument("--secret", type=Path, help="file with the global shared secret")
    modes = parser.add_subparsers(dest="mode", required=True)
    dialling = modes.add_parser("dial", help="opens a session, pings, prints the other side's extenders")
    dialling.add_argument("card", help="UUID@host:port")
    dialling.add_argument("--anonymous", action="store_true", help="shows no certificate")
    dialling.add_argument("--suite", default="1,1,1", help="numbers of KEM, cipher, hash to begin with")
    serving = modes.add_parser("serve", help="prints a card, then what comes, one session after another; refuses streams")
    serving.add_argument("--puzzle", type=int, default=0, metavar="BITS", help="asks every dialler to solve one first")
    options = parser.parse_args()
    secret = SharedSecret.of(options.secret.read_text().strip()) if options.secret else None
    dial_once(options, secret) if options.mode == "dial" else serve(secret, options.puzzle)


def dial_once(options: argparse.Namespace, secret: SharedSecret | None) -> None:
    node, _, endpoint = options.card.partition("@")
    host, _, port = endpoint.rpartition(":")
    identity = Identity()
    suite = Suite.of(bytes(map(int, options.suite.split(","))))
    pattern = ANONYMOUS if options.anonymous else MUTUAL
    print(f"this is {identity.uuid}")
    try:
        session = dial((host.strip("[]"), int(port)), UUID(node), identity, secret, pattern, suite)
        session.ping()
    except (Ended, Refused) as ending:
        sys.exit(f"no session: {ending}")
    established = session.established
    print(f"session {established.secrets.session_id.hex()}, version {established.version}, {established.secrets.suite.name}")
    print("extenders", *(extender.hex() for extender in session.extenders or ()))
    session.close()


def serve(secret: SharedSecret | None, effort: int) -> None:
    node = Node(Identity(), secret, effort=effort)
    print(node.card, flush=True)
    while True:
        try:
            session = node.accept(patience=None)
            certificate = session.established.certificate
            print("session with", certificate.uuid if certificate else "an anonymous peer", flush=True)
            session.send(messages.Extenders(()))
            while True:
                message = session.receive(patience=None)
                print(message, flush=True)
                if isinstance(message, messages.StreamOpen):
                    session.send(messages.StreamReset(message.alias, messages.RESET_NO_SUCH_EXTENDER))
        except (Ended, Refused) as ending:
            print("ended:", ending, flush=True)


if __name__ == "__main__":
    main()
