"""The table of docs/SECURITY.md, held against the standard and against the tests.

    security.py ROOT        prints one line for each breach; exit status 1 when there is one

Every requirement of ASVS 5.0.0, levels 1 and 2, must be in it once, with tests that exist, or among those
that do not apply, with the reason.
"""
import re
import sys
from pathlib import Path

# Sections, and how many requirements of levels 1 and 2 each begins with (those of level 3 follow).
ASVS_5_0_0 = """
    1.1:2 1.2:9 1.3:11 1.4:3 1.5:2 2.1:3 2.2:3 2.3:4 2.4:1 3.2:2 3.3:4 3.4:6 3.5:5 3.7:2 4.1:3 4.2:1 4.3:2 4.4:4
    5.1:1 5.2:3 5.3:2 5.4:3 6.1:3 6.2:12 6.3:4 6.4:4 6.5:5 6.6:3 6.8:4 7.1:3 7.2:4 7.3:2 7.4:5 7.5:2 7.6:2
    8.1:2 8.2:3 8.3:1 8.4:1 9.1:3 9.2:4 10.1:2 10.2:2 10.3:4 10.4:11 10.5:5 10.6:2 10.7:3 11.1:2 11.2:3 11.3:3
    11.4:4 11.5:1 11.6:1 12.1:3 12.2:2 12.3:4 13.1:1 13.2:5 13.3:2 13.4:5 14.1:2 14.2:4 14.3:3 15.1:3 15.2:3
    15.3:7 16.1:1 16.2:5 16.3:4 16.4:3 16.5:3 17.1:1 17.2:4 17.3:2
"""


def requirements():
    for word in ASVS_5_0_0.split():
        section, count = word.split(":")
        yield from (f"{section}.{number}" for number in range(1, int(count) + 1))


def known_tests(root):
    """Suite.name of GoogleTest, and the names of ctest."""
    tests = set()
    for path in (root / "tests").rglob("*_test.cpp"):
        tests.update(".".join(found) for found in
                     re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", path.read_text(), re.M))
    for path in (root / "tests").rglob("CMakeLists.txt"):
        tests.update(re.findall(r"add_test\(NAME ([\w.]+)", path.read_text()))
    tests.update(f"edge_{path.stem.removesuffix('_test')}" for path in (root / "tests/edge").glob("*_test.py"))
    tests.update(f"fuzz.{folder.name}" for folder in (root / "tests/fuzz/seeds").iterdir())
    return tests


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def check_row(row, tests):
    identity, how, named = row
    if not how:
        yield f"{identity}: says not how"
    names = re.findall(r"`([\w.]+)`", named)
    if not names:
        yield f"{identity}: names no test"
    yield from (f"{identity}: there is no test {name}" for name in names if name not in tests)


def check(document, tests):
    seen = []
    for line in document.splitlines():
        row = cells(line) if line.startswith("| ") else []
        if not row or not re.match(r"\d+\.\d+\.\d+", row[0]):
            continue
        seen += re.findall(r"\d+\.\d+\.\d+", row[0])
        if len(row) == 3:
            yield from check_row(row, tests)
        elif not row[-1]:
            yield f"{row[0]}: says not why it does not apply"
    wanted = list(requirements())
    yield from (f"{identity} is missing" for identity in wanted if identity not in seen)
    yield from (f"{identity} is no requirement of level 1 or 2" for identity in seen if identity not in wanted)
    yield from (f"{identity} is there twice" for identity in sorted(set(seen)) if seen.count(identity) > 1)


def main():
    root = Path(sys.argv[1])
    breaches = list(check((root / "docs/SECURITY.md").read_text(), known_tests(root)))
    print("\n".join(breaches) if breaches else "every requirement has its tests, or its reason")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
