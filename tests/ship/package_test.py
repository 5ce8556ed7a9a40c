"""Builds the Debian package, and installs, serves from, upgrades, removes and purges it in a root of its own.

    package_test.py ROOT BUILD        BUILD: where the release binary and the manual page are, build/release

The root is this machine's, seen through a layer that keeps every change to itself, so dpkg checks real dependencies
and runs the maintainer scripts. No systemd runs in it: the unit is checked by systemd-analyze, and what it says is
done by hand.
"""
import configparser
import gzip
import json
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import shipping
from shipping import check, run

EXPOSURE_MAX = 2.0
UNIT = "lib/systemd/system/waybill.service"
SHOP = "http://127.0.0.1:8080"


def build_package(build, folder):
    run(shipping.need("cpack", "cmake"), "-G", "DEB", "--config", build / "CPackConfig.cmake", "-B", folder)
    found = list(folder.glob("waybill_*.deb"))
    check(len(found) == 1, f"cpack made {found}")
    return found[0]


def next_version(package, folder):
    """The same content with a later version and another default configuration."""
    content = folder / "next"
    run("dpkg-deb", "-R", package, content)
    control = content / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", "Version: 99.0", control.read_text()))
    with open(content / "etc/waybill/waybill.env", "a", encoding="utf-8") as settings:
        settings.write("\n# A line of the next version.\n")
    later = folder / "waybill_99.0.deb"
    run("dpkg-deb", "-Zgzip", "-b", content, later)
    return later


class Root:
    def __init__(self, folder):
        upper, work, self.path, self.strict = (folder / name for name in ("upper", "work", "root", "strict"))
        for made in (upper, work, self.path, self.strict):
            made.mkdir()
        run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", self.path)
        for place in ("proc", "dev", "mnt"):
            run("mount", "--rbind", f"/{place}", self.path / place)
        run("mount", "-t", "tmpfs", "tmpfs", self.path / "run")  # no /run/systemd: nothing is started by dpkg

    def dpkg(self, *words):
        return self.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "--no-triggers", "--force-confold", *words)

    def run(self, *command):
        return run("chroot", self.path, *command)

    def user(self):
        for line in (self.path / "etc/passwd").read_text().splitlines():
            name, _, uid, gid, _, _, shell = line.split(":")
            if name == "waybill":
                check(shell == "/usr/sbin/nologin", f"the user has a shell, {shell}")
                return int(uid), int(gid)
        return None

    def make_strict(self):
        """What ProtectSystem=strict with StateDirectory= leaves to the service."""
        run("mount", "--rbind", self.path, self.strict)
        run("mount", "-o", "remount,bind,ro", self.strict)
        run("mount", "--bind", self.path / "var/lib/waybill", self.strict / "var/lib/waybill")


class Service:
    """The unit, started as it says."""

    def __init__(self, root):
        self.root = root
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read(root.path / UNIT)
        self.unit = unit["Service"]
        self.environment = dict([self.unit["Environment"].split("=", 1)])
        self.process = None

    def start(self):
        self.process = shipping.start_in_root(self.root.strict, shlex.split(self.unit["ExecStart"]), self.environment,
                                              self.root.user(), self.unit["WorkingDirectory"], stdout=subprocess.PIPE)
        shipping.await_line(self.process, f"listening on {SHOP}")

    def stop(self):
        self.process.terminate()
        check(self.process.wait(shipping.DEADLINE_S) == 0, f"the service ended with {self.process.returncode}")

    def command(self, *words):
        command = ["/usr/bin/waybill", *words, "--env-file", "/etc/waybill/waybill.env"]
        said, status = shipping.run_in_root(self.root.strict, command, self.environment, self.root.user(), "/")
        check(status == 0, f"{' '.join(command)}: {said}")
        return said


def check_unit(root):
    analyze = shipping.need("systemd-analyze", "systemd")
    said = run(analyze, "security", "--offline=true", "--no-pager", root.path / UNIT)
    exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", said).group(1))
    check(exposure <= EXPOSURE_MAX, f"{said}\nthe unit is more exposed than {EXPOSURE_MAX}")
    wrong = [line for line in root.run(analyze, "verify", "--man=no", "/" + UNIT).splitlines() if "waybill" in line]
    check(not wrong, f"the unit is wrong: {wrong}")
    return exposure


def check_installed(root):
    uid, gid = root.user()
    data, settings = root.path / "var/lib/waybill", root.path / "etc/waybill/waybill.env"
    check((data.stat().st_uid, data.stat().st_mode & 0o777) == (uid, 0o750), "the data belongs to the service alone")
    check((settings.stat().st_uid, settings.stat().st_gid, settings.stat().st_mode & 0o777) == (0, gid, 0o640),
          "the settings are root's, and the service reads them")
    depends = root.run("dpkg-query", "-W", "-f", "${Depends}", "waybill")
    for package in ("libc6", "libsqlite3-0", "libssl3", "libcurl4", "adduser"):
        check(package in depends, f"the package does not need {package}: {depends}")
    page = root.path / "usr/share/man/man1/waybill.1.gz"
    text = gzip.open(page, "rt", encoding="utf-8").read()
    lint = subprocess.run([shipping.need("groff", "groff-base"), "-man", "-ww", "-z", "-Tutf8"], input=text,
                          capture_output=True, text=True)
    check(lint.returncode == 0 and not lint.stderr, f"the manual page is wrong: {lint.stderr}")
    shown = text.replace("\\&", "").replace("\\-", "-").replace("\\e", "\\")
    for command in ([], ["serve"], ["user", "create"], ["healthcheck"]):
        said = root.run("env", "-i", "/usr/bin/waybill", *command, "--help").strip()
        check(said in shown, f"the manual page lacks the help of 'waybill {' '.join(command)}'")


def post(path, body, token=""):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(SHOP + path, json.dumps(body).encode() if body else None, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def check_order_is_there(order):
    token = post("/api/v1/auth/login", {"email": "example@gmail.com", "password": "secret"})["accessToken"]
    check(post(f"/api/v1/orders/{order}", None, token)["status"] == "Processed", f"the order {order} is not as it was")


def main():
    source, build = Path(sys.argv[1]), Path(sys.argv[2])
    folder = shipping.enter_machine()
    package = build_package(build, folder / "cpack")
    later = next_version(package, folder)
    root = Root(folder)
    data, settings = root.path / "var/lib/waybill", root.path / "etc/waybill/waybill.env"

    root.dpkg("-i", package)
    check_installed(root)
    exposure = check_unit(root)
    root.make_strict()
    service = Service(root)
    service.command("seed")
    service.start()
    check('"status":"ready"' in service.command("healthcheck"), "the installed server is not ready")
    desk = folder / "desk"
    desk.mkdir()
    (desk / "data").symlink_to(data)
    order = shipping.walk_through(source, desk)

    # The operator's settings survive the upgrade, and the orders do.
    settings.write_text(settings.read_text() + "WAYBILL_SHOP_NAME=Kettles\n")
    root.dpkg("-i", later)
    check(root.run("dpkg-query", "-W", "-f", "${Version}", "waybill") == "99.0", "the later version is not installed")
    check("WAYBILL_SHOP_NAME=Kettles" in settings.read_text(), "the upgrade lost the operator's settings")
    service.stop()
    service.start()
    check("Kettles" in service.command("config"), "the settings do not count after the upgrade")
    check_order_is_there(order)
    service.stop()

    root.dpkg("-r", "waybill")
    check(not (root.path / "usr/bin/waybill").exists() and settings.exists(), "removal keeps the settings only")
    root.dpkg("-P", "waybill")
    check(not settings.exists(), "a purge leaves no settings")
    check((data / "waybill.db").exists() and root.user(), "a purge must not take orders away")
    run("umount", "--recursive", root.strict)
    shutil.rmtree(data / "mail")
    for file in data.iterdir():
        file.unlink()
    root.dpkg("-i", package)
    root.dpkg("-P", "waybill")
    check(not data.exists() and not root.user(), "a purge without orders leaves nothing")
    print(f"the package was installed, upgraded and removed; its unit's exposure is {exposure}")


if __name__ == "__main__":
    main()
