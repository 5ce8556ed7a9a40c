"""The rules of the house that a compiler does not check, over the source tree.

    tidy.py ROOT        prints one line for each breach; exit status 1 when there is one
"""
import re
import sys
from pathlib import Path

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
MUTANT_LINES_MAX = 14

# Who may include whom. A room may always include itself.
ROOMS = {
    "domain": set(),
    "posix": set(),
    "libmongoc": set(),
    "ports": {"domain"},
    "app": {"domain", "ports"},
    "adapters/local": {"domain", "posix", "ports"},
    "adapters/sqlite": {"domain", "posix", "ports"},
    "adapters/mongo": {"domain", "libmongoc", "ports"},
    "adapters/legacy": {"domain", "libmongoc", "ports"},
    "adapters/redis": {"domain", "posix", "ports"},
    "adapters/aws": {"domain", "ports"},
    "adapters/smtp": {"domain", "ports"},
    "adapters/webcall": {"domain", "ports"},
    "http": {"domain", "ports", "app"},
    "worker": {"domain", "ports", "app"},
    "cli": {
        "domain", "posix", "libmongoc", "ports", "app", "http", "worker", "adapters/local", "adapters/sqlite", "adapters/mongo", "adapters/legacy", "adapters/redis",
        "adapters/aws", "adapters/smtp", "adapters/webcall",
    },
}

ASIO_ROOMS = {"http"}
CLOCK_ROOMS = {"adapters/local"}

# (pattern, rooms in which it is allowed, what to do instead)
BANNED = [
    (r"\b(system|steady|high_resolution)_clock::now\b", CLOCK_ROOMS, "take the time from the Clock port"),
    (r"\bstd::(random_device|mt19937|rand)\b|\bs?rand\(", CLOCK_ROOMS, "take randomness from the Clock port"),
    (r"\bthis_thread::sleep|\b(usleep|nanosleep|sleep)\(", CLOCK_ROOMS, "wait for a condition, or Clock::sleep_for"),
    (r"\b(secure_)?getenv\(|\benviron\b", {"cli"}, "settings come from src/cli/config"),
    (r"\bco_(await|return|yield)\b", {"http"}, "coroutines live in src/http"),
    (r"\bboost::(asio|beast)\b|<boost/(asio|beast)", ASIO_ROOMS, "Asio and Beast live in src/http"),
    (r"\busing namespace\b", set(), "name what is used"),
    (r"\bstd::regex\b|<regex>", set(), "parse by hand: std::regex can be made to run for ever"),
    (r"\b(strcpy|strcat|sprintf|gets|system|popen)\s*\(", set(), "use std::string, and no shell"),
    (r"\b(class|struct)\s+\w*(Manager|Helper|Util|Utils|Impl)\b", set(), "name it for what it does"),
    (r"\bstd::(cout|cerr)\b|\bprintf\(|\bfprintf\(|\bputs\(", {"cli"}, "log through the Log port"),
    (r"\b(TODO|FIXME|XXX)\b", set(), "finish it, or write it down where it is tracked"),
    (r"co_await\s*\([^()]*\?", set(), "GCC 12 miscompiles a choice inside co_await: name the awaitable first"),
    (r"switch\s*\(\s*co_await", set(), "GCC 12 miscompiles switch (co_await ...): name the result first"),
    (r"co_await[^;\n]*\[[^\]\n]*=[^\]\n]*\]\s*[({]", set(), "GCC 12 miscompiles closures inside co_await: name it first"),
]


def blank_out(text):
    """Replaces comments and literals by spaces, keeping every line where it is."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z])\'(?:\\.|[^\'\\\n])\'',
        re.S,
    )
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def room_of(path, src):
    parts = path.relative_to(src).parts
    return "/".join(parts[:2]) if parts[0] == "adapters" else parts[0]


def check_includes(path, text, room):
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#include "([^"]+)"', line)
        if not found:
            continue
        parts = found.group(1).split("/")
        target = "/".join(parts[:2]) if parts[0] == "adapters" else parts[0]
        if len(parts) == 1:
            yield f"{path}:{number}: includes are rooted: \"{room}/{parts[0]}\""
        elif target != room and target not in ROOMS[room]:
            yield f"{path}:{number}: {room} must not see {target}"
        elif target != room and target.startswith("adapters/") and found.group(1) != f"{target}/{parts[1]}.hpp":
            yield f"{path}:{number}: an adapter shows one header, {target}/{parts[1]}.hpp"


def check_banned(path, code, room):
    for number, line in enumerate(code.splitlines(), 1):
        for pattern, allowed, advice in BANNED:
            if room not in allowed and re.search(pattern, line):
                yield f"{path}:{number}: {line.strip()[:60]}: {advice}"


def function_lengths(code):
    """Yields (first line, lines) of each function body found at namespace or class level."""
    stack = []
    head = ""
    line = 1
    head_line = 1
    for char in code:
        if char == "\n":
            line += 1
        if char == "{":
            flat = " ".join(head.split())
            inside_function = any(kind == "function" for kind, _ in stack)
            is_scope = re.search(r"\b(namespace|class|struct|enum|union)\b[^()=]*$", flat) or flat.startswith("extern")
            is_function = ")" in flat and not re.search(r"=\s*$", flat)
            kind = "scope" if is_scope or inside_function or not is_function else "function"
            if inside_function:
                kind = "block"
            stack.append((kind, head_line))
            head = ""
        elif char == "}":
            if stack:
                kind, began = stack.pop()
                if kind == "function":
                    yield began, line - began + 1
            head = ""
        elif char == ";":
            head = ""
        else:
            if not head.strip():
                head_line = line
            head += char


def check_mutants(path, text):
    """A mutant is a small #ifdef: who reads the source must see at once what is not the product."""
    began = None
    for number, line in enumerate(text.splitlines(), 1):
        named = "WAYBILL_MUTANT_" in line
        if named and not re.fullmatch(r"#ifn?def WAYBILL_MUTANT_[A-Z_]+", line):
            yield f"{path}:{number}: a mutant is a line #ifdef WAYBILL_MUTANT_<NAME>, and nothing else"
        elif named and began:
            yield f"{path}:{number}: a mutant inside another"
        elif named:
            began = number
        elif began and line.startswith("#endif"):
            if number - began > MUTANT_LINES_MAX:
                yield f"{path}:{began}: a mutant of {number - began} lines; {MUTANT_LINES_MAX} at most"
            began = None


def check_file(path, src, room):
    text = path.read_text()
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{path}: {lines} lines; {FILE_LINES_MAX} at most: split it by what it knows"
    if path.suffix == ".hpp" and not text.startswith("// "):
        yield f"{path}:1: a header begins with what it is for"
    code = blank_out(re.sub(r"^[ \t]*#(?!include)[^\n]*", "", text, flags=re.M))
    yield from check_mutants(path, text)
    yield from check_includes(path, text, room)
    yield from check_banned(path, code, room)
    for began, length in function_lengths(re.sub(r"^[ \t]*#[^\n]*", "", code, flags=re.M)):
        if length > FUNCTION_LINES_MAX:
            yield f"{path}:{began}: a function of {length} lines; {FUNCTION_LINES_MAX} at most"


def check_tests(path):
    text = path.read_text()
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{path}: {lines} lines; {FILE_LINES_MAX} at most: split it by what it checks"
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"TEST(?:_F|_P)?\(\w+, (\w*[A-Z]\w*)\)", line):
            yield f"{path}:{number}: {found.group(1)}: the name of a test is its rule, in small_letters"


def rows_of(table):
    """The cells of a Markdown table's rows, without its head."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines() if line.startswith("|")]
    return rows[2:]


def check_figures(root):
    """The README tells a figure in the words with which its source begins, so the two cannot disagree."""
    readme, source = root / "README.md", root / "docs" / "RELIABILITY.md"
    if not readme.exists() or not source.exists():
        return
    shown = re.search(r"<!-- reliability: .*? -->(.*?)<!-- end of reliability -->", readme.read_text(), re.S)
    if shown is None or not rows_of(shown.group(1)):
        yield f"{readme}: it shows no figures of {source.name}"
        return
    figures = source.read_text().partition("\n## Figures\n")[2].partition("\n## ")[0]
    found = {row[0]: row[2] for row in rows_of(figures)}
    for what, figure in rows_of(shown.group(1)):
        if what not in found:
            yield f"{readme}: {what}: {source.name} has no such row"
        elif not re.match(re.escape(figure) + r"(?![\w.,]*\d)", found[what]):
            yield f"{readme}: {what}: {figure}, but {source.name} says {found[what]}"


def check_tree(root):
    src = root / "src"
    yield from check_figures(root)
    for path in sorted(src.rglob("*.[ch]pp")):
        room = room_of(path, src)
        if room not in ROOMS:
            yield f"{path}: no such room: {room}"
            continue
        yield from check_file(path, src, room)
    for path in sorted((root / "tests").rglob("*.[ch]pp")):
        yield from check_tests(path)


def main():
    breaches = list(check_tree(Path(sys.argv[1])))
    print("\n".join(breaches) if breaches else "the house is tidy")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
