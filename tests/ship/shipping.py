"""What the tests of this folder share: a small machine of their own, processes in it, and the README's walk.

A test begins with enter_machine(): from then on it runs in namespaces of its own (mounts, network, processes), so it
may mount what it wants, every port is free, and whatever it started ends with it.
"""
import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
import readme_walk  # noqa: E402

INSIDE = "WAYBILL_TEST_MACHINE"
PR_SET_NO_NEW_PRIVS = 38
DEADLINE_S = 60
libc = ctypes.CDLL(None, use_errno=True)


def need(tool, package):
    """The path of a tool; without it the test fails and says what installs it."""
    path = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        sys.exit(f"{tool} is missing: apt-get install {package}, or script/bootstrap dev")
    return path


def enter_machine():
    """Begins the test anew as the only one on the machine; returns an empty folder that goes with it."""
    if INSIDE not in os.environ:
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        command = [*as_root, "env", f"{INSIDE}=yes", need("unshare", "util-linux"), "--mount", "--net", "--pid", "--fork",
                   "--kill-child", "--mount-proc", sys.executable, *sys.argv]
        os.execvp(command[0], command)
    bring_up_loopback()
    run("mount", "-t", "tmpfs", "tmpfs", "/mnt")
    return Path("/mnt")


def bring_up_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(control, 0x8913, request))[1]  # SIOCGIFFLAGS
        fcntl.ioctl(control, 0x8914, struct.pack("16sh22x", b"lo", flags | 1))  # SIOCSIFFLAGS, IFF_UP


def run(*command, **options):
    """Runs a command; when it fails, its output is the message."""
    words = [str(word) for word in command]
    result = subprocess.run(words, capture_output=True, text=True, **options)
    if result.returncode != 0:
        sys.exit(f"{' '.join(words)}: exit status {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def mount_read_only(source, target):
    run("mount", "--bind", source, target)
    run("mount", "-o", "remount,bind,ro", target)


def eventually(condition, what, process=None):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if process is not None and process.poll() is not None:
            sys.exit(f"{what}: the process ended with {process.returncode}")
        if time.monotonic() > end:
            sys.exit(f"{what}: not within {DEADLINE_S} s")
        time.sleep(0.02)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def start_in_root(root, command, environment, user, folder, **options):
    """A process that sees `root` as its whole world, as (uid, gid), and can never get more rights."""

    def become():
        os.chroot(root)
        os.chdir(folder)
        os.setgroups([])
        os.setgid(user[1])
        os.setuid(user[0])
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs")

    return subprocess.Popen(command, env=environment, preexec_fn=become, text=True, **options)


def run_in_root(root, command, environment, user, folder, typed=""):
    process = start_in_root(root, command, environment, user, folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    return process.communicate(typed, timeout=DEADLINE_S)[0], process.returncode


def await_line(process, expected):
    line = process.stdout.readline().strip()
    if line != expected:
        sys.exit(f"the server says {line!r} instead of {expected!r}; exit status {process.poll()}")


def walk_through(source, folder, shop=readme_walk.ADDRESS):
    """Pastes the README's walk in a folder that shows the shop's `data`; returns the order's id."""
    return readme_walk.walk(source, folder, shop)[1]


def check(holds, sentence):
    if not holds:
        sys.exit(sentence)
