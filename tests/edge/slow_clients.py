#!/usr/bin/python3
"""Slow clients (slowhttptest) against the binary: whether others are served meanwhile, and what memory it costs.

Use: slow_clients.py WAYBILL [--connections N] [--seconds N] [--only WORD]
"""
import argparse
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
from shop import Client, Shop, bearer, eventually, temporary_folder

EXTRA_MIB_MAX = 64
PROBE_SECONDS = 0.05
SAMPLE_SECONDS = 0.1
COLOUR = re.compile(r"\x1b\[[\d;]*[mHJ]")
ORDER = {"items": [{"productId": "67c8830b7ef1b848ac52ebec", "quantity": 1}], "location": "bangalore"}

# A Range that asks for as many pieces as a header holds; a large answer for who reads slowly.
ATTACKS = {
    "slow headers": ["-H", "-i", "2", "-x", "24", "-t", "GET", "-u", "/livez"],
    "slow bodies": ["-B", "-i", "2", "-x", "24", "-s", "65000", "-t", "POST", "-f", "application/json", "-u", "/api/v1/auth/login"],
    "slow readers": ["-X", "-w", "256", "-y", "512", "-n", "5", "-z", "32", "-k", "3", "-u", "/docs/swagger-ui-bundle.js"],
    "many ranges": ["-R", "-t", "HEAD", "-a", "10", "-b", "3000", "-u", "/docs/swagger-ui-bundle.js"],
}


def memory_mib(pid):
    return int(re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1]) / 1024


def connections_of(pid):
    return sum(1 for name in os.listdir(f"/proc/{pid}/fd"))


class Watch:
    """Asks as a customer would, and looks at the server's memory, until it is told to stop."""

    def __init__(self, shop, auth, pid):
        self.asked, self.refused, self.slowest = 0, [], 0.0
        self.memory, self.files = 0.0, 0
        self._client, self._auth, self._pid = Client(shop.port), auth, pid
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask), threading.Thread(target=self._look)]
        for thread in self._threads:
            thread.start()

    def _ask(self):
        probes = [("GET", "/livez", None, 200), ("GET", "/readyz", None, 200), ("GET", "/api/v1/orders", None, 200),
                  ("POST", "/api/v1/orders", ORDER, 201)]
        while not self._stop.wait(PROBE_SECONDS):
            method, path, body, expected = probes[self.asked % len(probes)]
            begun = time.monotonic()
            try:
                status = self._client.send(method, path, body, self._auth).status
            except OSError as error:
                status = repr(error)
            self.asked += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)
            if status != expected:
                self.refused.append(f"{method} {path}: {status}")

    def _look(self):
        while not self._stop.wait(SAMPLE_SECONDS):
            self.memory = max(self.memory, memory_mib(self._pid))
            self.files = max(self.files, connections_of(self._pid))

    def end(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def attack(name, shop, auth, pid, options, folder):
    base, idle_files = memory_mib(pid), connections_of(pid)
    watch = Watch(shop, auth, pid)
    *flags, path = ATTACKS[name]
    command = ["slowhttptest", "-c", str(options.connections), "-r", str(options.connections // 4), "-l", str(options.seconds), "-p", "5",
               *flags, f"http://127.0.0.1:{shop.port}{path}"]
    run = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watch.end()
    said = re.findall(r"service available:\s*(YES|NO)", COLOUR.sub("", run.stdout))
    # Nobody who has left keeps anything.
    eventually(lambda: connections_of(pid) <= idle_files + 2, f"the connections of {name} are closed")
    extra = watch.memory - base
    available = watch.asked > 0 and not watch.refused and said != [] and "NO" not in said
    opened = watch.files - idle_files
    print(f"{name:13} {opened:5} connections  extra memory {extra:5.1f} MiB  available: {'yes' if available else 'NO'} "
          f"({watch.asked} asked, {len(watch.refused)} not answered, slowest {watch.slowest * 1000:.0f} ms)", flush=True)
    for line in watch.refused[:5]:
        print("  ", line)
    if not said:
        print(run.stdout[-2000:])
    return available and extra <= EXTRA_MIB_MAX and opened > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    with temporary_folder() as folder:
        shop = Shop(options.binary, folder / "shop")
        pid = shop.pid()
        client = Client(shop.port)
        auth = bearer(client.send("POST", "/api/v1/auth/register", email="slow@example.com", password="secret"))
        for _ in range(200):  # what every server has after its first requests is no attack's
            client.send("POST", "/api/v1/orders", ORDER, auth)
        held = [attack(name, shop, auth, pid, options, folder) for name in ATTACKS if options.only in name]
        shop.stop()
    return 0 if held and all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
