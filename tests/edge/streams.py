"""Raw bytes to a server, and what it answers."""
import re
import socket

PATIENCE_SECONDS = 60  # only a broken server lets a test wait that long
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


class Stream:
    """One connection. Bytes go out as they are."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, data):
        """False when the server has closed the connection."""
        try:
            self._socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def send_byte_by_byte(self, data):
        for at in range(len(data)):
            if not self.send(data[at:at + 1]):
                return

    def finish_sending(self):
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def _receive(self):
        try:
            piece = self._socket.recv(65536)
        except ConnectionResetError:
            return False
        self._input += piece
        return piece != b""

    def read_answer(self, head=False):
        """The next answer: status, header lines by lower-case name, body. None at the end."""
        while b"\r\n\r\n" not in self._input:
            if not self._receive():
                return None
        text, self._input = self._input.split(b"\r\n\r\n", 1)
        lines = text.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = [(name.lower(), value) for name, value in (line.split(": ", 1) for line in lines[1:])]
        length = int(dict(headers).get("content-length", 0))
        if head or status < 200 or status in (204, 304):
            length = 0
        while len(self._input) < length and self._receive():
            pass
        body, self._input = self._input[:length], self._input[length:]
        return status, headers, body

    def read_rest(self):
        """All that comes until the server closes."""
        while self._receive():
            pass
        rest, self._input = self._input, b""
        return rest


def statuses(answers):
    return tuple(int(status) for status in STATUS.findall(answers))


def exchange(port, data, byte_by_byte=False):
    """Everything that comes back until the server closes."""
    with Stream(port) as stream:
        (stream.send_byte_by_byte if byte_by_byte else stream.send)(data)
        return stream.read_rest()
