"""A web server that sends back what it is sent, and a client that asks it through a SOCKS5 proxy."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MARKER = b"a-sentence-that-nobody-but-the-observer-knows"
BODY = MARKER * 120
PATIENCE = 15.0


class Echo(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self) -> None:
        count = int(self.path.removeprefix("/"))
        self._answer((MARKER * (count // len(MARKER) + 1))[:count])

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


def start() -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def ask(proxy: tuple[str, int], port: int, bulk_bytes: int) -> None:
    """One request through the proxy (RFC 1928, 1929), for as many bytes or, with 0, for what it says itself; what comes
    back is checked."""
    with socket.create_connection(proxy, timeout=PATIENCE) as connection:
        connection.sendall(b"\x05\x01\x02")
        expect(connection, b"\x05\x02")
        connection.sendall(b"\x01\x06hops=0\x01x")
        expect(connection, b"\x01\x00")
        connection.sendall(b"\x05\x01\x00\x01\x7f\0\0\1" + port.to_bytes(2, "big"))
        if (reply := connection.recv(10, socket.MSG_WAITALL))[:2] != b"\x05\x00":
            raise RuntimeError(f"the proxy said {reply!r}")
        head = b"GET /%d HTTP/1.1\r\n" % bulk_bytes if bulk_bytes else b"POST / HTTP/1.1\r\n"
        body = b"" if bulk_bytes else BODY
        connection.sendall(
            head + b"Host: %s.example\r\nUser-Agent: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
            % (MARKER, MARKER, len(body)) + body)
        answer = bytearray()
        while piece := connection.recv(1 << 18):
            answer += piece
        content = answer.partition(b"\r\n\r\n")[2]
        expected = bulk_bytes or len(BODY)
        if len(content) != expected or not content.startswith(MARKER):
            raise RuntimeError(f"{len(content)} bytes came back, not {expected}")


def expect(connection: socket.socket, expected: bytes) -> None:
    found = connection.recv(len(expected), socket.MSG_WAITALL)
    if found != expected:
        raise RuntimeError(f"the proxy said {found!r}")
