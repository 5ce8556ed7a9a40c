"""Servers to test, and a client that holds every answer against the document."""
import email
import http.client
import json
import os
import re
import select
import socket
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

JSON = {"Content-Type": "application/json"}
LIMITS_OFF = ["--rate-limit-api", "0", "--rate-limit-auth", "0", "--rate-limit-auth-address", "0"]
OWN = re.compile(r"^(WAYBILL_|AWS_|JWT_|PORT$|MONGO_URI$|DATABASE_URL$|REDIS_|SMTP_URL$|SQS_|SENDER_)")
READY_SECONDS = 60


def environment(more=()):
    kept = {name: value for name, value in os.environ.items() if not OWN.match(name)}
    return {**kept, **dict(more), "MONGOC_DISABLE_SHM": "1"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(condition, what):
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")


class Process:
    """A program that says where it listens."""

    def __init__(self, command, pattern, env=None, log=None):
        self._log = open(log or os.devnull, "ab")
        self._process = subprocess.Popen(command, env=env or environment(), stdout=subprocess.PIPE, stderr=self._log)
        self.pid = self._process.pid
        self.said = self._await(re.compile(pattern))
        threading.Thread(target=self._drain, daemon=True).start()

    def _await(self, pattern):
        end = time.monotonic() + READY_SECONDS
        text = ""
        while time.monotonic() < end:
            if select.select([self._process.stdout], [], [], 0.2)[0]:
                piece = os.read(self._process.stdout.fileno(), 65536)
                text += piece.decode("utf-8", "replace")
                found = pattern.search(text)
                if found:
                    return found
                if not piece:
                    break
        self.stop()
        raise AssertionError(f"it does not listen: {text}")

    def _drain(self):
        while self._process.stdout.read(65536):
            pass

    def stop(self, kill=False):
        if self._process.poll() is None:
            (self._process.kill if kill else self._process.terminate)()
        try:
            self._process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self._headers = headers
        self.body = body

    def header(self, name):
        for other, value in self._headers:
            if other.lower() == name.lower():
                return value
        return None

    def json(self):
        return json.loads(self.body)

    def code(self):
        return self.json().get("code")


class Record:
    """What was produced, and what the document forbids of it."""

    def __init__(self, document):
        self.document = document
        self.produced = set()
        self.violations = []
        self.checked_by_proxy = 0

    def add(self, method, path, answer):
        route = self.document.find(method, path)
        if route is None:
            return
        self.produced.add((route, answer.status))
        for violation in self.document.violations(route, answer):
            self.violations.append(f"{method} {path} {answer.status}: {violation}")
        for found in json.loads(answer.header("sl-violations") or "[]"):
            # What is wrong with a request on purpose is the server's to refuse.
            if found["location"][0] == "response":
                self.violations.append(f"{method} {path} {answer.status}: the proxy: {found['message']}")


class Client:
    """One request for each connection. With `proxy`, through the validating proxy."""

    def __init__(self, port, record=None, proxy=None):
        self._port = port
        self._record = record
        self._proxy = proxy

    def send(self, method, path, body=None, headers=None, direct=False, **fields):
        sent = dict(headers or {})
        if fields:
            body = fields
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
        if body is not None and "Content-Type" not in sent:
            sent.update(JSON)
        through_proxy = self._proxy is not None and not direct
        connection = http.client.HTTPConnection("127.0.0.1", self._proxy if through_proxy else self._port, timeout=READY_SECONDS)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            answer = Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()
        if self._record is not None:
            self._record.add(method, path, answer)
            self._record.checked_by_proxy += through_proxy
        return answer


class Shop:
    """A server of its own. `flags` win over the defaults of a test: demo products, no limits."""

    def __init__(self, binary, folder, flags=(), env=(), limits=False):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.binary = binary
        self._env = environment(env)
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", str(self.folder), "--seed-demo"]
        self._process = Process(command + ([] if limits else LIMITS_OFF) + list(flags), r"listening on http://127\.0\.0\.1:(\d+)",
                                self._env, self.folder / "log")
        self.port = int(self._process.said[1])

    def pid(self):
        return self._process.pid

    def stop(self):
        self._process.stop()

    def make_admin(self, client, email="admin@example.com", password="secret"):
        subprocess.run([self.binary, "user", "create", "--data-dir", str(self.folder), "--email", email, "--admin"],
                       input=password.encode() + b"\n", env=self._env, check=True, stdout=subprocess.DEVNULL)
        return bearer(client.send("POST", "/api/v1/auth/login", email=email, password=password))

    def add_order_dead_letter(self, letter_id):
        """What is left of an order that our own code cannot finish: nothing outside can make one."""
        with sqlite3.connect(self.folder / "waybill.db", timeout=READY_SECONDS) as db:
            db.execute("INSERT INTO dead_letters VALUES (?, 0, 'an-order', 'out of attempts', 6, 0, 1, '')", (letter_id,))

    def await_reset_token(self):
        """The token of the first mail about a forgotten password: a line of its own."""
        path = eventually(lambda: next(self.folder.glob("mail/*/reset-*.eml"), None), "a mail")
        text = email.message_from_bytes(path.read_bytes()).get_payload(0).get_payload(decode=True).decode()
        return max((line for line in text.splitlines() if " " not in line), key=len)


def bearer(login):
    assert login.status in (200, 201), login.body
    return {"Authorization": "Bearer " + login.json()["accessToken"]}


def cookie(login):
    return {"Cookie": login.header("set-cookie").split(";")[0]}


@contextmanager
def temporary_folder():
    with tempfile.TemporaryDirectory(prefix="waybill-api-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class HoldingService:
    """A fulfilment service that takes a call and does not answer it until it is let go."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._go = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def flags(self):
        port = self._listener.getsockname()[1]
        return ["--fulfilment-url", f"http://127.0.0.1:{port}/", "--fulfilment-secret", "of-this-test-only",
                "--fulfilment-in-flight-max", "1"]

    def release(self):
        self._go.set()

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer:
            peer.recv(65536)
            self._go.wait(READY_SECONDS)
            peer.sendall(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def stop(self):
        self._go.set()
        self._listener.close()


class RefusingMailServer:
    """SMTP that takes no recipient, for good."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self):
        return f"smtp://127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer, peer.makefile("rwb") as stream:
            stream.write(b"220 ready\r\n")
            stream.flush()
            for line in stream:
                word = line.split(b":")[0].strip().upper()
                stream.write(b"550 no such address\r\n" if word == b"RCPT TO" else b"250 ok\r\n")
                stream.flush()
                if word == b"QUIT":
                    return

    def stop(self):
        self._listener.close()


def _bson(value):
    """The little of BSON that a fault needs: strings, integers, lists of strings, documents."""
    body = b""
    pairs = enumerate(value) if isinstance(value, list) else value.items()
    for name, item in pairs:
        key = str(name).encode() + b"\0"
        if isinstance(item, str):
            text = item.encode() + b"\0"
            body += b"\x02" + key + struct.pack("<i", len(text)) + text
        elif isinstance(item, int):
            body += b"\x10" + key + struct.pack("<i", item)
        else:
            body += (b"\x04" if isinstance(item, list) else b"\x03") + key + _bson(item)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def arm_fault(uri, fault):
    """Scripts the double of MongoDB: `fault` is what its command waybillFault takes."""
    host, port = re.search(r"//([^:/]+):(\d+)", uri).groups()
    command = _bson({"waybillFault": fault, "$db": "admin"})
    with socket.create_connection((host, int(port)), READY_SECONDS) as peer:
        peer.sendall(struct.pack("<iiiiIB", len(command) + 21, 1, 0, 2013, 0, 0) + command)
        answer = peer.recv(65536)
    assert b"errmsg" not in answer, answer
