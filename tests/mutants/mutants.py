"""Builds programs that break one promise each, and shows which harness notices, how, and after how long.

    mutants.py ROOT [NAME...]     all of them where none is named; exit status 1 when one is not caught
"""
import argparse
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

TIME_MAX_SECONDS = 600
CONTROL_SEEDS = {"simulation": 5000, "simulation sqlite": 300}
CONTROL_CUTS = "48"


@dataclass
class Mutant:
    name: str
    harness: str
    sentence: str


def read_mutants(path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    rows = [[field.strip() for field in line.split("|")] for line in lines]
    return [Mutant(name, harness, sentence) for name, _, harness, sentence in rows]


def build(root, folder, targets):
    if not (folder / "build.ninja").exists():
        options = ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -g1"]
        subprocess.run(["cmake", "-S", root, "-B", folder, *options], check=True, stdout=subprocess.DEVNULL)
    command = ["cmake", "--build", folder, "--target", *targets]
    subprocess.run(command, check=True, stdout=sys.stderr)


def command_of(program, harness, seeds):
    if harness == "durability":
        return [program, "--gtest_brief=1", "--gtest_break_on_failure=0", "--gtest_filter=*PowerLoss*"]
    command = [program, "--seeds", str(seeds), "--jobs", str(os.cpu_count())]
    return command + (["--store", "sqlite"] if harness.endswith("sqlite") else [])


def run(program, harness, seeds, environment):
    """Returns whether it failed, how, and after how many seconds."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            command_of(program, harness, seeds), capture_output=True, text=True, errors="replace",
            timeout=TIME_MAX_SECONDS, env=environment,
        )
    except subprocess.TimeoutExpired:
        return False, "not noticed in 10 minutes", time.monotonic() - began
    took = time.monotonic() - began
    return done.returncode != 0, message_of(harness, done.stdout + done.stderr), took


def message_of(harness, output):
    if harness == "durability":
        failures = re.findall(r"Failure\n(?:Failed\n)?(.*)", output)
        seed = re.findall(r"seed \d+, cut after step \d+", output)
        return "; ".join([*failures[:1], *seed[:1]]) or "clean"
    seed = re.findall(r"^seed (\d+): VIOLATION of (.*)", output, re.M)
    if seed:
        return f"seed {seed[0][0]}: {seed[0][1]}"
    count = re.findall(r"^(\d+) seeds", output, re.M)
    if "no violation" in output and count:
        return f"clean, {count[0]} seeds"
    return (output.strip().splitlines() or ["no output"])[-1]


def row(columns, mark="|"):
    print(f"{mark} " + " | ".join(columns) + f" {mark}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants to run; all where none is named")
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    known = read_mutants(root / "tests/mutants/mutants.txt")
    unknown = set(arguments.names) - {mutant.name for mutant in known}
    if unknown:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}; there are {', '.join(m.name for m in known)}")
    chosen = [mutant for mutant in known if not arguments.names or mutant.name in arguments.names]
    harnesses = sorted({mutant.harness for mutant in chosen})

    folder = root / "build/simulate"  # shared with script/simulate: the unbroken rest is built once
    targets = [f"mutant_{mutant.name}" for mutant in chosen]
    control_of = {harness: "durability" if harness == "durability" else "simulate" for harness in harnesses}
    build(root, folder, [*targets, *sorted(set(control_of.values()))])
    environment = dict(os.environ)
    environment.setdefault("TMPDIR", "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp")

    passed = True
    row(["mutant", "harness", "caught", "how", "seconds"])
    row(["---"] * 5)
    for harness in harnesses:
        program = folder / "tests" / control_of[harness]
        failed, how, took = run(program, harness, CONTROL_SEEDS.get(harness, 0),
                                {**environment, "WAYBILL_POWER_CUTS": CONTROL_CUTS})
        row(["none (control)", harness, "FALSE ALARM" if failed else "-", how, f"{took:.1f}"])
        passed = passed and not failed
    for mutant in chosen:
        failed, how, took = run(folder / "tests/mutants" / f"mutant_{mutant.name}", mutant.harness, 10_000_000, environment)
        row([mutant.sentence, mutant.harness, "yes" if failed else "NO", how, f"{took:.1f}"])
        passed = passed and failed
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
