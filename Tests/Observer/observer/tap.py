"""Stands on the way between two nodes: records every byte that passes, and cuts connections."""

import socket
import threading
import time

from .capture import Connection, Piece, Side

READ_BYTES = 1 << 20


class Tap:
    """Listens where the dialler believes the responder to be."""

    def __init__(self, target: tuple[str, int]):
        self.target = target
        self.connections: list[Connection] = []
        # How the next session comes to be.
        self.next_kind = "fresh"
        self._sockets: dict[int, tuple[socket.socket, socket.socket]] = {}
        self._changed = threading.Condition()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def host_port(self) -> str:
        return "127.0.0.1:%d" % self._listener.getsockname()[1]

    def wait_for_turns(self, number: int, turns: int, seconds: float) -> bool:
        """Until connection `number` has so many turns, each with a byte at least."""
        return self.wait(lambda: len(self.connections) > number
                         and len(self.connections[number].turns(turns)) == turns, seconds)

    def wait(self, is_so, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(is_so, seconds)

    def wait_for_quiet(self, number: int, seconds: float) -> None:
        """Until nothing has passed for so long."""
        pieces = self.connections[number].pieces
        count = -1
        while count != len(pieces):
            count = len(pieces)
            self.wait(lambda: len(pieces) != count, seconds)

    def wait_for_end(self, number: int, seconds: float) -> bool:
        return self.wait(lambda: number not in self._sockets, seconds)

    def cut(self, number: int) -> None:
        """Ends a connection as a failing network does: neither side has said goodbye."""
        with self._changed:
            pair = self._sockets.pop(number, ())
            self.next_kind = "resumed"
        for one in pair:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self) -> None:
        self._listener.close()
        for number in list(self._sockets):
            self.cut(number)

    def _accept(self) -> None:
        while True:
            try:
                dialler, _ = self._listener.accept()
                responder = socket.create_connection(self.target)
            except OSError:
                return
            for one in (dialler, responder):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                number = len(self.connections)
                self.connections.append(Connection(self.next_kind))
                self.next_kind = "fresh"
                self._sockets[number] = (dialler, responder)
            for side, source, sink in ((Side.DIALLER, dialler, responder), (Side.RESPONDER, responder, dialler)):
                threading.Thread(target=self._pass, args=(number, side, source, sink), daemon=True).start()

    def _pass(self, number: int, side: Side, source: socket.socket, sink: socket.socket) -> None:
        pieces = self.connections[number].pieces
        try:
            while data := source.recv(READ_BYTES):
                with self._changed:
                    pieces.append(Piece(time.monotonic(), side, data))
                    self._changed.notify_all()
                sink.sendall(data)
        except OSError:
            pass
        with self._changed:
            self._sockets.pop(number, None)
            self._changed.notify_all()
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
