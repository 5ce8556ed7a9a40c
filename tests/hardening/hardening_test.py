"""Reads a binary and fails where one of its defences is missing.

    hardening_test.py BINARY
"""
import re
import subprocess
import sys
from pathlib import Path

SKIPPED = 77
ENDBR64 = b"\xf3\x0f\x1e\xfa"
LANDINGS_MIN = 1_000  # a function that can be called through a pointer begins with one


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def defences(binary):
    """(what, whether it is there)"""
    header = output_of("readelf", "--wide", "--file-header", binary)
    segments = output_of("readelf", "--wide", "--program-headers", binary)
    dynamic = output_of("readelf", "--wide", "--dynamic", binary)
    symbols = output_of("readelf", "--wide", "--dyn-syms", binary)
    flags = output_of("readelf", "--string-dump=.debug_str", binary)
    stack = re.search(r"GNU_STACK .*", segments).group(0)
    loads = re.findall(r"LOAD .* (R?W? ?E?) +0x", segments)
    yield "position-independent (PIE)", "DYN (" in header and "PIE" in dynamic
    yield "relocations are read-only (RELRO)", "GNU_RELRO" in segments
    yield "all of them at the start (BIND_NOW)", re.search(r"FLAGS_1.* NOW", dynamic) is not None
    yield "no executable stack", "E" not in stack.split("0x")[-2][-8:] and "RWE" not in stack
    yield "nothing is writable and executable", bool(loads) and not any("W" in x and "E" in x for x in loads)
    yield "no relocations in the code", "TEXTREL" not in dynamic
    yield "no search path of its own", "RPATH" not in dynamic and "RUNPATH" not in dynamic
    yield "stack protector", "__stack_chk_fail" in symbols
    yield "fortified calls", re.search(r"__(memcpy|snprintf|memmove|read|vsnprintf)_chk", symbols) is not None
    ours = [line for line in flags.splitlines() if "GNU C++23" in line]
    for flag in ("-fstack-protector-strong", "-fstack-clash-protection", "-fcf-protection", "-fPI"):
        yield f"compiled with {flag}", bool(ours) and all(flag in line for line in ours)
    landings = binary.read_bytes().count(ENDBR64)
    yield f"indirect calls land on endbr64 ({landings} of them)", landings >= LANDINGS_MIN


def main():
    binary = Path(sys.argv[1])
    if not binary.exists():
        print(f"{binary} is not built: script/bootstrap builds it")
        return SKIPPED
    missing = 0
    for what, there in defences(binary):
        print(f"{'ok     ' if there else 'MISSING'} {what}")
        missing += not there
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
