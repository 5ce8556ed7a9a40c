"""Visits every point of the n-th failure loops, shared out to several processes.

    nth_failures.py DURABILITY [--jobs N] [--only PATTERN]
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
from collections import Counter

TOLD = re.compile(r"^n-th failure: (.*), (\d+) points", re.M)
LOG_TAIL_LINES = 40


def names_of(program, pattern):
    listed = subprocess.run([program, f"--gtest_filter={pattern}", "--gtest_list_tests"], check=True, capture_output=True, text=True)
    names = []
    suite = ""
    for line in listed.stdout.splitlines():
        name = line.split("#")[0].rstrip()
        if name.startswith("  "):
            names.append(suite + name.strip())
        elif name.endswith("."):
            suite = name
    return names


def run_share(program, name, first, shares):
    """The points first, first + shares, first + 2 * shares ... of one test."""
    env = {**os.environ, "WAYBILL_NTH_FIRST": str(first), "WAYBILL_NTH_STRIDE": str(shares)}
    done = subprocess.run([program, f"--gtest_filter={name}"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace")
    command = f"WAYBILL_NTH_FIRST={first} WAYBILL_NTH_STRIDE={shares} {program} --gtest_filter='{name}'"
    return done.returncode, command, done.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--only", default="*Nth*:OutOfMemory.*", metavar="PATTERN", help="of GoogleTest")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    shares = options.jobs * 4  # so that none is left waiting for the last one
    points = Counter()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = [pool.submit(run_share, options.program, name, first, shares)
                for name in names_of(options.program, options.only) for first in range(shares)]
        for run in concurrent.futures.as_completed(runs):
            status, command, said = run.result()
            for kind, count in TOLD.findall(said):
                points[kind] += int(count)
            if status != 0:
                failed += 1
                print(f"FAILED: {command}", *said.splitlines()[-LOG_TAIL_LINES:], sep="\n", flush=True)
    for kind, count in sorted(points.items()):
        print(f"n-th failure: {kind}, every one of {count} points")
    return 1 if failed or not points else 0


if __name__ == "__main__":
    sys.exit(main())
