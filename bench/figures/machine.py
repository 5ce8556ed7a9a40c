"""What a run was made on, so that its figures can be judged and repeated."""
import datetime
import os
import platform
import subprocess
from pathlib import Path

from figures.shop import ROOT


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def disk_of(folder):
    source, kind = (output("findmnt", "-nT", folder, "-o", "SOURCE,FSTYPE").split() + ["?", "?"])[:2]
    model = output("lsblk", "-ndo", "MODEL", source) or "virtual disk"
    return f"{source} ({model}, {kind})"


def describe(folder, options):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "commit": output("git", "rev-parse", "--short=12", "HEAD") + ("-dirty" if output("git", "status", "--porcelain", "src") else ""),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "command": "bench/run" + options.arguments,
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "kernel": platform.release(),
        "disk": disk_of(folder),
        "load_before": round(os.getloadavg()[0], 1),
        "seconds": options.seconds,
        "connections": options.connections,
        "products": options.products,
    }
