"""Serves shops and lets schemathesis at them, several side by side, until enough requests were answered.

    check_api.py WAYBILL SCHEMATHESIS [--requests N] [--jobs N] [--seed S] [OPTIONS OF `st run`...]

A round goes over all operations: what the document's examples and constraints name (the first round only), requests
that are drawn from a seed, and sequences along the links between operations. schemathesis keeps its tests in one process,
and most of a request's time is its own, so a round is shared out: each share has a server, operations and a log of its own.
The next round has another seed. Exit status 0: all rounds were clean, and there were enough requests.
"""
import argparse
import concurrent.futures
import itertools
import os
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from shop import Client, Shop, environment, temporary_folder  # noqa: E402

HERE = Path(__file__).parent
PASSWORD = "of-this-run-only"
EXAMPLES_MAX = 200  # of one operation, in one round
SEQUENCES_MAX = 20
SHARE_SECONDS_MAX = 600
ROUNDS_MAX = 50


class Share:
    """Some operations of one round, in one process of schemathesis."""

    def __init__(self, name, seed, phases, examples, operations):
        self.name = name
        self._options = ["--seed", str(seed), "--phases", phases, "--max-examples", str(examples)]
        for operation in operations:
            self._options += ["--include-operation-id", operation]
        self.answered = 0

    def run(self, waybill, schemathesis, more):
        """What it printed if it is not clean, else None."""
        with temporary_folder() as folder:
            shop = Shop(waybill, folder / "shop", ["--password-length-min", "6"], {"WAYBILL_LOG_LEVEL": "warn"})
            try:
                shop.make_admin(Client(shop.port), "fuzz@example.com", PASSWORD)
                return self._run_at(shop, folder, schemathesis, more)
            finally:
                shop.stop()

    def _run_at(self, shop, folder, schemathesis, more):
        own = folder / "own-requests"
        own.touch()
        before = requests_of(shop)
        env = environment({"WAYBILL_PORT": str(shop.port), "WAYBILL_ADMIN": "fuzz@example.com", "WAYBILL_PASSWORD": PASSWORD,
                           "WAYBILL_OWN_REQUESTS": str(own), "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE),
                           "PYTHONDONTWRITEBYTECODE": "1"})
        command = [str(Path(schemathesis).absolute()), "--config-file", str(HERE / "schemathesis.toml"), "run",
                   f"http://127.0.0.1:{shop.port}/openapi.json", "--checks", "all", "--warnings", "off", *self._options, *more]
        try:
            done = subprocess.run(command, env=env, cwd=folder, timeout=SHARE_SECONDS_MAX, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace")
        except subprocess.TimeoutExpired as late:
            return f"not at its end after {SHARE_SECONDS_MAX} s\n{(late.stdout or b'').decode('utf-8', 'replace')}"
        self.answered = requests_of(shop) - before - own.stat().st_size
        return None if done.returncode == 0 else done.stdout


def requests_of(shop):
    metrics = Client(shop.port).send("GET", "/metrics").body.decode()
    return sum(int(float(count)) for count in re.findall(r"^waybill_http_requests_total\{[^}]*\} (\S+)$", metrics, re.M))


def operations_of(waybill):
    with temporary_folder() as folder:
        shop = Shop(waybill, folder / "shop")
        try:
            document = Client(shop.port).send("GET", "/openapi.json").json()
        finally:
            shop.stop()
    return [operation["operationId"] for item in document["paths"].values() for operation in item.values()
            if isinstance(operation, dict) and "operationId" in operation]


def shares_of_round(number, seed, operations, options):
    phases = "examples,coverage,fuzzing" if number == 0 else "fuzzing"
    examples = min(EXAMPLES_MAX, max(1, options.requests // len(operations)))
    shares = [Share("sequences", seed, "stateful", min(SEQUENCES_MAX, examples), [])]
    for first in range(options.jobs * 2):
        own = operations[first::options.jobs * 2]
        if own:
            shares.append(Share(" ".join(own), seed, phases, examples, own))
    return shares


def run_round(number, options, operations, more):
    """Requests answered, and whether the round was clean."""
    seed = options.seed + number
    answered, clean = 0, True
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = {pool.submit(share.run, options.waybill, options.schemathesis, more): share
                for share in shares_of_round(number, seed, operations, options)}
        for run in concurrent.futures.as_completed(runs):
            share, problem = runs[run], run.result()
            answered += share.answered
            print(f"seed {seed}: {share.answered:5} requests, {'clean' if problem is None else 'NOT CLEAN'}: {share.name}", flush=True)
            if problem is not None:
                print(problem, flush=True)
                clean = False
    return answered, clean


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("waybill")
    parser.add_argument("schemathesis")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    options, more = parser.parse_known_args()
    begun = time.monotonic()
    operations = operations_of(options.waybill)
    total, clean = 0, True
    for number in itertools.takewhile(lambda n: n < ROUNDS_MAX and total < options.requests and clean, itertools.count()):
        answered, clean = run_round(number, options, operations, more)
        total += answered
    print(f"{total} requests answered over {len(operations)} operations in {time.monotonic() - begun:.0f} s: "
          f"{'clean' if clean else 'NOT CLEAN'}")
    if total < options.requests:
        print(f"that is fewer than {options.requests}: the run says little")
    return 0 if clean and total >= options.requests else 1


if __name__ == "__main__":
    sys.exit(main())
