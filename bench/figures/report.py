"""The results as a table on the terminal, in README.md and in docs/PERFORMANCE.md."""
import re

from figures.rows import GOALS, INSTEAD, is_met
from figures.shop import ROOT, fail

NOT_MEASURED = "–"
NEEDS_BIG = {"list_growth", "place_growth", "resident"}
README_LOADS = (
    ("GET /livez", "`GET /livez`"),
    ("GET /orders/{id}, cached", "`GET /orders/{id}`, finished orders"),
    ("GET /orders/{id}, not cached", "`GET /orders/{id}`, not cached"),
    ("POST /orders", "`POST /orders`, durable, two lines"),
)


def show_goal(goal, form):
    direction, bound = goal
    unit = form.split(" ", 1)[1] if " " in form else ""
    return f"{'≥' if direction == '>' else '≤'} {bound:g}{' ' + unit if unit else ''}"


def show_value(value, form):
    if value is None:
        return NOT_MEASURED
    number, _, unit = form.partition(" ")
    return format(value, number) + (" " + unit if unit else "")


def verdict(key, goal, results):
    value = results["values"].get(key)
    if value is None:
        return "not measured" + (" (--big)" if key in NEEDS_BIG else " (no MongoDB, no double)" if key.startswith("mongo") else "")
    if key == "mailed" and results.get("backlog_grows"):
        return "no: the backlog grows"
    if is_met(goal, value):
        return "yes"
    other, bound = INSTEAD.get(key, (None, 0))
    if other and results["values"].get(other, 0) >= bound:
        return f"by the next row, at ≥ {bound:g}"
    return "no"


def goal_rows(results):
    for key, title, goal, form in GOALS:
        yield (title, show_value(results["values"].get(key), form), show_goal(goal, form), verdict(key, goal, results),
               results["notes"].get(key, ""))


def load_rows(results):
    base = results["loads"].get("GET /livez", {}).get("rate")
    for name, row in results["loads"].items():
        latencies = [f"{row[key]:.2f}" if key in row else "" for key in ("p50_ms", "p99_ms")]
        yield name, f"{row['rate']:,.0f}", *latencies, f"{row['rate'] / base:.2f}" if base else "–", str(row.get("failed", ""))


def made_on(results):
    made = results["made"]
    sync = results.get("sync")
    synced = f"; one 4 KiB fdatasync takes {sync['p50_us']:.0f} µs (p99 {sync['p99_us']:.0f} µs)" if sync else ""
    return (f"`{made['command']}` at commit {made['commit']}, {made['date']}: {made['cores']} cores of {made['cpu']}, "
            f"{made['memory_gib']} GiB, Linux {made['kernel']}, {made['disk']}{synced}. Load generator on the same machine, "
            f"{made['connections']} connections, {made['seconds']} s each, {made['products']:,} products, two-line orders, real "
            f"tokens, a key on half of the orders, every order synced to disk.")


def print_table(results, with_unmeasured):
    def print_rows(head, rows):
        rows = [head, *rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        for row in rows:
            cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1])), row[-1]]
            print("  ".join(cells).rstrip())
        print()

    print(made_on(results).replace("`", "") + "\n")
    print_rows(("", "per second", "p50 ms", "p99 ms", "÷ /livez", "failed"), load_rows(results))
    curve = [(str(row["connections"]), f"{row['rate']:,.0f}", f"{row['p50_ms']:.2f}", f"{row['p99_ms']:.2f}", str(row["failed"]))
             for row in results["curve"]]
    if curve:
        print_rows(("POST /orders, connections", "per second", "p50 ms", "p99 ms", "failed"), curve)
    goals = [(title.replace("`", ""), value, goal, met, note) for title, value, goal, met, note in goal_rows(results)
             if with_unmeasured or value != NOT_MEASURED]
    print_rows(("", "figure", "goal", "reached", ""), goals)


def markdown(head, rows):
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))


def loads_markdown(results):
    rows = []
    base = results["loads"]["GET /livez"]["rate"]
    for name, title in README_LOADS:
        row = results["loads"].get(name)
        if row:
            rows.append((title, f"{row['rate']:,.0f}", f"{row['p50_ms']:.2f} ms", f"{row['p99_ms']:.2f} ms", f"{row['rate'] / base:.2f}"))
    return markdown(("", "per second", "p50", "p99", "÷ `/livez`"), rows)


def goals_markdown(results):
    return markdown(("", "figure", "goal", "reached", ""), goal_rows(results))


def all_loads_markdown(results):
    return markdown(("", "per second", "p50 ms", "p99 ms", "÷ `/livez`", "failed"), load_rows(results))


def replace_block(path, name, text):
    begin, end = f"<!-- {name}: written by bench/run --write -->", f"<!-- end of {name} -->"
    document = path.read_text()
    found = re.search(re.escape(begin) + ".*?" + re.escape(end), document, re.S)
    if not found:
        fail(f"{path.relative_to(ROOT)} has no block {begin} … {end}")
    path.write_text(document[:found.start()] + f"{begin}\n\n{text}\n\n{end}" + document[found.end():])


def write_documents(results):
    chart = '![Orders per second and p99 over the number of connections]({}performance.svg)'
    replace_block(ROOT / "README.md", "figures",
                  f"{loads_markdown(results)}\n\n{chart.format('docs/')}\n\n{made_on(results)}")
    replace_block(ROOT / "docs/PERFORMANCE.md", "figures",
                  f"{made_on(results)}\n\n{goals_markdown(results)}\n\n{chart.format('')}\n\n{all_loads_markdown(results)}")
