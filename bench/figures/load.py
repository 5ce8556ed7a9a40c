"""What drives a server and what measures the bare machine."""
import os
import socket
import subprocess
import time

from figures.shop import BINARY, ROOT, fail, listen

PROGRAMS = ROOT / "build/release/bench"


def closed_loop(address, lists, mode, seconds, connections):
    """wrk: each connection asks again as soon as it was answered."""
    threads = max(1, min(os.cpu_count() // 2, connections))
    out = subprocess.run(
        ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", ROOT / "bench/load.lua",
         f"http://{address}", "--", mode, lists, str(time.time_ns())],
        capture_output=True, text=True, check=True).stdout
    requests, micros, p50, p99, refused, broken = map(int, result_fields(out))
    return {"rate": requests / (micros / 1e6), "p50_ms": p50 / 1e3, "p99_ms": p99 / 1e3, "failed": refused + broken}


def warm_closed_loop(address, lists, mode, seconds, connections):
    closed_loop(address, lists, mode, 1, connections)
    return closed_loop(address, lists, mode, seconds, connections)


def open_loop(address, lists, mode, rate, seconds, connections):
    """Each request counts from the moment at which it was planned."""
    out = subprocess.run(open_loop_command(address, lists, mode, rate, seconds, connections),
                         capture_output=True, text=True, check=True).stdout
    return read_open_loop(out, rate)


def open_loop_command(address, lists, mode, rate, seconds, connections):
    port = address.rsplit(":", 1)[1]
    return [PROGRAMS / "open_loop", port, f"{rate:.0f}", str(seconds), str(connections), mode, lists]


def read_open_loop(out, rate):
    answered, micros, p50, p99, refused, broken, late = map(int, result_fields(out))
    return {"planned_rate": round(rate), "rate": answered / (micros / 1e6), "p50_ms": p50 / 1e3, "p99_ms": p99 / 1e3,
            "failed": refused + broken, "generator_late_p99_ms": late / 1e3}


def result_fields(out):
    line = next((line for line in out.splitlines() if line.startswith("RESULT")), None)
    if line is None:
        fail(f"a load generator printed no result:\n{out}")
    return line.split()[1:]


class BareHttp:
    """The bare Beast loop; a context that stops it."""

    def __init__(self, threads, answer, *words):
        self.process = subprocess.Popen([PROGRAMS / "bare_http", str(threads), answer, *words], stdout=subprocess.PIPE, text=True)
        self.address = listen(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.process.terminate()
        self.process.wait(30)


def bare_sqlite(folder, orders, products):
    folder.mkdir()
    out = subprocess.run([PROGRAMS / "bare_sqlite", folder, str(orders), str(products)], capture_output=True, text=True, check=True).stdout
    bare, store = map(float, result_fields(out))
    return {"bare": bare, "store": store}


def sync_micros(folder, count=500):
    """p50 and p99 of one 4 KiB append and its fdatasync."""
    page, samples = b"x" * 4096, []
    path = folder / "sync-probe"
    with open(path, "wb", buffering=0) as file:
        for _ in range(count):
            began = time.perf_counter()
            file.write(page)
            os.fdatasync(file.fileno())
            samples.append((time.perf_counter() - began) * 1e6)
    path.unlink()
    samples.sort()
    return {"p50_us": samples[len(samples) // 2], "p99_us": samples[len(samples) * 99 // 100]}


def start_ms(folder):
    """From the call to the first line, on a data directory that does not exist yet."""
    began = time.perf_counter()
    process = subprocess.Popen([BINARY, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    listen(process)
    took = (time.perf_counter() - began) * 1e3
    process.terminate()
    process.wait(30)
    return took


class IdleConnections:
    """Connections that asked once and stay; a context that closes them."""

    def __init__(self, address, count):
        host, port = address.split(":")
        self.sockets = []
        for _ in range(count):
            client = socket.create_connection((host, int(port)))
            self.sockets.append(client)
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        for client in self.sockets:
            if not client.recv(4096).startswith(b"HTTP/1.1 200"):
                fail("an idle connection was not answered")

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        for client in self.sockets:
            client.close()
