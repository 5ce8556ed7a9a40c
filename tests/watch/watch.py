"""Holds metrics, alerts and dashboard against one another. (tests/ship looks at docs/OPERATIONS.md.)

    watch.py files ROOT               the rules, their tests and the dashboard
    watch.py live ROOT SET FILE...    what processes of a shop showed at /metrics; SET: embedded or production
"""
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

# What a process of that set has no reason to show.
NOT_SHOWN = {
    "embedded": set(),
    "production": {"waybill_data_disk_available_bytes", "waybill_data_disk_size_bytes", "waybill_orders_in_journal"},
}
OF_PROMETHEUS = {"up"}
SELECTOR = re.compile(r"\b((?:waybill|process)_[a-z_]+|up)\b(?:\{([^}]*)\})?")
# What Grafana puts in, and what Prometheus adds to every series.
GRAFANA = {"$__rate_interval": "5m", "$__interval": "1m", "$job": "waybill"}
TARGET_LABELS = {"job", "instance", "le"}


def promtool(*arguments, text=None, folder=None):
    try:
        run = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, cwd=folder)
    except FileNotFoundError:
        sys.exit("promtool is missing: script/bootstrap dev installs it (Debian package prometheus)")
    return [] if run.returncode == 0 else [f"promtool {' '.join(arguments[:2])}: {run.stdout}{run.stderr}"]


def rules_of(root):
    groups = yaml.safe_load((root / "deploy/prometheus/waybill.rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard_of(root):
    return json.loads((root / "deploy/grafana/waybill.json").read_text())


def dashboard_exprs(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def filled_in(expr):
    for name, value in GRAFANA.items():
        expr = expr.replace(name, value)
    return expr


# ---- files


def check_rules(root):
    tests = yaml.safe_load((root / "tests/watch/rules_test.yml").read_text())["tests"]
    fires, quiet = set(), set()
    for case in (case for test in tests for case in test["alert_rule_test"]):
        (fires if case.get("exp_alerts") else quiet).add(case["alertname"])
    names = [rule["alert"] for rule in rules_of(root)]
    for rule in rules_of(root):
        name = rule["alert"]
        if name not in fires:
            yield f"{name}: no test in which it fires"
        if name not in quiet:
            yield f"{name}: no test in which it is quiet"
        if rule["labels"].get("severity") not in ("page", "ticket"):
            yield f"{name}: severity is page or ticket"
    yield from (f"{name}: there are two" for name in {n for n in names if names.count(n) > 1})


def overlaps(a, b):
    return a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def check_dashboard(root):
    dashboard = dashboard_of(root)
    for member in ("title", "uid", "schemaVersion", "templating", "time", "panels"):
        if member not in dashboard:
            yield f"dashboard: no {member}"
    panels = dashboard["panels"]
    if len({panel["id"] for panel in panels}) != len(panels):
        yield "dashboard: two panels have one id"
    for i, panel in enumerate(panels):
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24:
            yield f"{panel['title']}: wider than the page"
        for other in panels[:i]:
            if overlaps(place, other["gridPos"]):
                yield f"{panel['title']}: lies on {other['title']}"
        if panel["type"] == "row":
            continue
        if panel["type"] not in ("timeseries", "stat"):
            yield f"{panel['title']}: an unknown type of panel"
        if not panel["targets"] or not panel["description"] or "unit" not in panel["fieldConfig"]["defaults"]:
            yield f"{panel['title']}: needs a query, a unit and a description"
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    for name in set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(dashboard))):
        if name not in variables:
            yield f"dashboard: ${name} is no variable of it"
    # The queries are PromQL: promtool reads them as recording rules.
    with tempfile.TemporaryDirectory() as folder:
        rules = [{"record": f"dashboard:query_{i}", "expr": filled_in(expr)} for i, (_, expr) in enumerate(dashboard_exprs(dashboard))]
        path = Path(folder) / "queries.yml"
        path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
        yield from promtool("check", "rules", str(path))


def check_files(root):
    yield from promtool("check", "rules", str(root / "deploy/prometheus/waybill.rules.yml"))
    yield from promtool("test", "rules", "rules_test.yml", folder=root / "tests/watch")
    yield from check_rules(root)
    yield from check_dashboard(root)


# ---- live


def read_metrics(text):
    """The names of the families and samples, each with the labels that it has."""
    labels = {}
    for name, pairs in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.M):
        labels.setdefault(name, set()).update(re.findall(r'(\w+)="', pairs))
    return labels


def check_live(root, kind, files):
    shown = {}
    for file in files:
        text = Path(file).read_text()
        yield from promtool("check", "metrics", text=text)
        for name, labels in read_metrics(text).items():
            shown.setdefault(name, set()).update(labels)
    uses = [(rule["alert"], rule["expr"]) for rule in rules_of(root)]
    uses += [(title, filled_in(expr)) for title, expr in dashboard_exprs(dashboard_of(root))]
    for where, expr in uses:
        for name, selectors in SELECTOR.findall(expr):
            if name in OF_PROMETHEUS | NOT_SHOWN[kind]:
                continue
            if name not in shown:
                yield f"{where}: no process shows {name}"
                continue
            for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selectors):
                if label not in shown[name] | TARGET_LABELS:
                    yield f"{where}: {name} has no label {label}"
    used = {name for _, expr in uses for name, _ in SELECTOR.findall(expr)}
    for name in sorted(shown):
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        if not {name, family, family + "_bucket"} & used and name not in ("process_virtual_memory_bytes",):
            yield f"{name}: neither an alert nor the dashboard shows it"


def main():
    what, root = sys.argv[1], Path(sys.argv[2])
    found = list(check_files(root) if what == "files" else check_live(root, sys.argv[3], sys.argv[4:]))
    print("\n".join(found) or "nothing to say")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
