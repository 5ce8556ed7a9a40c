"""A server under measurement: started on a folder, filled, read, stopped."""
import concurrent.futures
import http.client
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = ROOT / "build/release/waybill"
CUSTOMERS = 32
ORDERS_READ = 2_000
FILES_MAX = 20_000
PASSWORD = "bench-password"


def fail(sentence):
    sys.exit(f"bench: {sentence}")


def raise_file_limit():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(FILES_MAX, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def call(connection, method, target, body=None, token=None, key=None):
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token:
        headers["Authorization"] = "Bearer " + token
    if key:
        headers["Idempotency-Key"] = key
    connection.request(method, target, json.dumps(body) if body is not None else None, headers)
    response = connection.getresponse()
    text = response.read()
    if response.status >= 300:
        fail(f"{method} {target} answered {response.status}: {text.decode()}")
    return json.loads(text) if text else None


def listen(process):
    """The address of a server that has just said its first line."""
    line = process.stdout.readline()
    if not line.startswith("listening on "):
        fail("a server did not start")
    return line.strip().removeprefix("listening on ").removeprefix("http://")


class Server:
    """The release binary with limits off and fsync on; a context that stops it."""

    def __init__(self, data, *flags, environment=None):
        self.data = data
        # Nothing but what is said here: no setting of the caller's shell, no .env file. MongoDB's driver would
        # complain about counters in shared memory that a killed process left.
        self.environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self.environment |= {"MONGOC_DISABLE_SHM": "1", **(environment or {})}
        self.process = subprocess.Popen(
            [BINARY, "serve", "--listen", "127.0.0.1:0", "--data-dir", data, "--rate-limit-auth", "0",
             "--rate-limit-auth-address", "0", "--rate-limit-api", "0", "--log-level", "warn", *flags],
            stdout=subprocess.PIPE, text=True, env=self.environment, cwd=data.parent)
        self.address = listen(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.process.terminate()
        self.process.wait(30)

    def connect(self):
        return http.client.HTTPConnection(self.address, timeout=60)

    def counters(self):
        connection = self.connect()
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if not line.startswith("#")}

    def resident_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def log_in(server, email):
    return call(server.connect(), "POST", "/api/v1/auth/login", {"email": email, "password": PASSWORD})["accessToken"]


def make_admin(server):
    subprocess.run([BINARY, "user", "create", "--data-dir", server.data, "--log-level", "warn",
                    "--email", "bench@example.com", "--admin"],
                   input=PASSWORD + "\n", text=True, check=True, stdout=subprocess.DEVNULL, env=server.environment, cwd=server.data.parent)
    return log_in(server, "bench@example.com")


def add_products(server, token, count):
    def add_share(numbers):
        connection, ids = server.connect(), []
        for number in numbers:
            product = call(connection, "POST", "/api/v1/products", {"name": f"Product {number}", "price": 1 + number % 500}, token)
            call(connection, "PUT", f"/api/v1/inventory/{product['productId']}/bench", {"available": 1_000_000_000}, token)
            ids.append(product["productId"])
        return ids

    workers = 16
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        shares = pool.map(add_share, [range(i, count, workers) for i in range(workers)])
    return [product for share in shares for product in share]


def register_customers(server):
    connection = server.connect()
    for i in range(CUSTOMERS):
        call(connection, "POST", "/api/v1/auth/register", {"email": f"bench{i}@example.com", "password": PASSWORD})


def place_orders(server, tokens, products, count):
    """Orders in turn for each customer, half of them with a key; returns the ids of each customer."""
    def place_share(customer):
        connection, ids = server.connect(), []
        for i in range(customer, count, CUSTOMERS):
            lines = [{"productId": products[(i * 7 + k) % len(products)], "quantity": 1 + k} for k in range(2)]
            placed = call(connection, "POST", "/api/v1/orders", {"location": "bench", "items": lines}, tokens[customer],
                          None if i // CUSTOMERS % 2 else f"prepared-{i}")
            ids.append(placed["orderId"])
        return ids

    with concurrent.futures.ThreadPoolExecutor(CUSTOMERS) as pool:
        return list(pool.map(place_share, range(CUSTOMERS)))


def wait_until_mailed(server, count):
    end = time.monotonic() + 120
    while server.counters()["waybill_mails_sent_total"] < count:
        if time.monotonic() > end:
            fail("the orders are not processed")
        time.sleep(0.05)


class Scene:
    """A prepared shop on disk, of which each measurement takes a copy: what one leaves behind, such as
    orders that still wait for their mail, does not disturb the next."""

    def __init__(self, folder, products):
        self.folder = folder
        self.lists = folder / "lists"
        self.lists.mkdir()
        self.copies = 0
        with Server(folder / "prepared") as server:
            admin = make_admin(server)
            self.products = add_products(server, admin, products)
            register_customers(server)
            self.adopt(server)
            self.orders = place_orders(server, self.tokens, self.products, ORDERS_READ)
            wait_until_mailed(server, ORDERS_READ)
            self.livez = self.fetch_livez(server)
        (self.lists / "products").write_text("\n".join(self.products))
        (self.lists / "livez").write_text("/livez\n")
        (self.lists / "list").write_text("/api/v1/orders?limit=20\n")
        self.name_orders_read(self.orders[0])

    def name_orders_read(self, orders):
        (self.lists / "read").write_text("\n".join("/api/v1/orders/" + order for order in orders))

    def log_in_all(self, server):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda i: log_in(server, f"bench{i}@example.com"), range(CUSTOMERS)))

    def fetch_livez(self, server):
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = b""
            while part := client.recv(65_536):
                answer += part
        path = self.folder / "livez-answer"
        path.write_bytes(answer.replace(b"Connection: close\r\n", b""))
        return path

    def open(self, *flags):
        """A server on a fresh copy."""
        self.copies += 1
        data = self.folder / f"copy{self.copies}"
        shutil.copytree(self.folder / "prepared", data, ignore=shutil.ignore_patterns("mail", "waybill.lock"))
        return self.adopt(Server(data, *flags))

    def adopt(self, server):
        """Tokens live fifteen minutes: each server gets its own."""
        self.tokens = self.log_in_all(server)
        (self.lists / "tokens").write_text("\n".join(self.tokens))
        return server

    def use_tokens(self, count=CUSTOMERS):
        (self.lists / "tokens").write_text("\n".join(self.tokens[:count]))
