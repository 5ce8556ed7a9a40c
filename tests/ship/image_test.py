"""Follows the Dockerfile's steps without an engine, and takes the README's walk in the image that they make.

    image_test.py ROOT BINARY        BINARY: what the build stage builds, build/release/waybill

What cannot be done here is the build stage's apt-get; what it compiles is checked for being there.
"""
import fnmatch
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import shipping
from shipping import check, run

SECTIONS_OF_DEBUGGING = (".symtab", ".debug_info")


def stages_of(dockerfile):
    """[{"from":, "steps": [(instruction, text)]}], continuations joined."""
    stages = []
    text = "\n".join(line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#"))
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            stages.append({"from": rest.split()[0], "name": rest.split()[-1], "steps": []})
        elif word and stages:
            stages[-1]["steps"].append((word, rest.strip()))
    return stages


def texts(stage, instruction):
    return [text for word, text in stage["steps"] if word == instruction]


def only(stage, instruction):
    found = texts(stage, instruction)
    check(len(found) == 1, f"the final stage has {len(found)} x {instruction} instead of one")
    return found[0]


def copy_context(source, target):
    """What .dockerignore lets through: everything is out but what '!' names."""
    lines = [line for line in (source / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    check(lines[0] == "*", ".dockerignore begins with '*'")
    never = [line.removeprefix("**/") for line in lines[1:] if not line.startswith("!")]
    for line in (line[1:] for line in lines if line.startswith("!")):
        check((source / line).exists(), f".dockerignore names {line}, which is not there")
        (target / line).parent.mkdir(parents=True, exist_ok=True)
        if (source / line).is_dir():
            shutil.copytree(source / line, target / line, ignore=shutil.ignore_patterns(*never))
        else:
            shutil.copy2(source / line, target / line)


def check_build_stage(source, stage, context):
    """The build stage's sources suffice: its build can be planned to the last file."""
    check(any("script/bootstrap --packages release" in text for text in texts(stage, "RUN")), "no packages are installed")
    check(any(text == "script/bootstrap release" for text in texts(stage, "RUN")), "nothing is built")
    # The image's libraries are those of the base, where no package that is installed asks for newer ones.
    check(any("apt-get upgrade -y" in text for text in texts(stage, "RUN")), "the base's own packages are not upgraded")
    copy_context(source, context)
    run("cmake", "--preset", "release", cwd=context)
    run("ninja", "-n", "-C", "build/release", "waybill", cwd=context)


def assemble(source, stage, binary, image):
    step = next(text for text in texts(stage, "RUN") if "image_root" in text)
    script, program, root = shlex.split(step)
    check(program == "build/release/waybill", f"the image is made of {program}")
    run(source / script, binary, image)
    return root


def copy_into(image, copies, stage, made_at):
    """Besides the root that was assembled, only empty folders of somebody's come into the image."""
    check(copies[0] == f"--from={stage} {made_at} /", "the final image is not the assembled root")
    for text in copies[1:]:
        origin, owner, source, target = text.split()
        check((origin, source) == (f"--from={stage}", "/empty"), f"the image has more than its root: {text}")
        folder = image / target.lstrip("/")
        folder.mkdir()
        os.chown(folder, *(int(part) for part in owner.removeprefix("--chown=").split(":")))


def check_content(image):
    programs = []
    for path in image.rglob("*"):
        if path.is_symlink() or not path.is_file() or not path.stat().st_mode & 0o111:
            continue
        if not fnmatch.fnmatch(path.name, "*.so*"):
            programs.append(str(path.relative_to(image)))
    check(programs == ["usr/bin/waybill"], f"the image has programs that it does not need: {programs}")
    sections = run("readelf", "--sections", "--wide", image / "usr/bin/waybill")
    check(not any(name in sections for name in SECTIONS_OF_DEBUGGING), "the program is not stripped")
    packages = {path.name for path in (image / "var/lib/dpkg/status.d").iterdir()}
    check({"libc6", "libssl3", "libcurl4", "ca-certificates"} <= packages, f"the image names its packages: {packages}")


class Container:
    """The image as an engine runs it: read-only, one volume, an unprivileged user, the image's environment."""

    def __init__(self, image, stage, volume):
        self.image = image
        self.user = tuple(int(part) for part in only(stage, "USER").split(":"))
        check(all(self.user), "the image's user is root")
        self.folder = only(stage, "WORKDIR")
        self.environment = dict(pair.split("=", 1) for text in texts(stage, "ENV") for pair in shlex.split(text))
        self.command = json.loads(only(stage, "ENTRYPOINT")) + json.loads(only(stage, "CMD"))
        self.healthcheck = json.loads(only(stage, "HEALTHCHECK").partition(" CMD ")[2])
        self.stop = signal.Signals[only(stage, "STOPSIGNAL")]
        data = only(stage, "VOLUME")
        check(self.environment["WAYBILL_DATA_DIR"] == data, "the data directory is not the volume")
        port = only(stage, "EXPOSE")
        check(self.environment["WAYBILL_LISTEN"] == f"0.0.0.0:{port}", f"the server does not listen on {port}")
        check("org.opencontainers.image.title" in " ".join(texts(stage, "LABEL")), "the image has no labels")
        shipping.mount_read_only(image, image)
        # A new volume has the owner that the folder has in the image.
        owner = (image / data.lstrip("/")).stat()
        os.chown(volume, owner.st_uid, owner.st_gid)
        run("mount", "--bind", volume, image / data.lstrip("/"))

    def exec(self, command, typed=""):
        return shipping.run_in_root(self.image, command, self.environment, self.user, self.folder, typed)

    def waybill(self, *words, typed=""):
        return self.exec(["/usr/bin/waybill", *words], typed)

    def start(self, environment, log):
        return shipping.start_in_root(self.image, self.command, self.environment | environment, self.user, self.folder,
                                      stdout=subprocess.PIPE, stderr=log)


BACKUP = "/data/waybill.backup"  # the volume is the one place that can be written


def check_beside(container):
    """What an operator runs beside the server."""
    said, status = container.waybill("user", "create", "--email", "you@shop.example", "--admin", typed="some password\n")
    check(status == 0 and "created admin" in said, f"no administrator can be made: {said}")
    for _ in range(2):
        said, status = container.waybill("backup", BACKUP, "--force")
        check(status == 0 and "users           2" in said, f"no backup into the volume: {said}")
    said, status = container.waybill("restore", BACKUP)
    check(status == 1 and "stop it" in said, f"a restore beside the server: {said}")


def main():
    source, binary = Path(sys.argv[1]), Path(sys.argv[2])
    shipping.need("strip", "binutils")
    folder = shipping.enter_machine()
    image, volume, context, desk = (folder / name for name in ("image", "volume", "context", "desk"))
    for made in (image, volume, context, desk):
        made.mkdir()
    build, final = stages_of(source / "Dockerfile")
    check_build_stage(source, build, context)
    made_at = assemble(source, build, binary, image)
    check(final["from"] == "scratch" and not texts(final, "RUN"), "the final image is more than its root")
    copy_into(image, texts(final, "COPY"), build["name"], made_at)
    check_content(image)

    container = Container(image, final, volume)
    said, status = container.exec(container.healthcheck)
    check(status == 1 and "does not answer" in said, f"healthy without a server: {said}")
    log = open(desk / "log", "w+", encoding="utf-8")
    server = container.start({"WAYBILL_SEED_DEMO": "true"}, log)
    shipping.await_line(server, "listening on http://0.0.0.0:8080")
    said, status = container.exec(container.healthcheck)
    check(status == 0, f"not healthy: {said}")
    (desk / "data").symlink_to(volume)
    shipping.walk_through(source, desk)
    check_beside(container)
    server.send_signal(container.stop)
    check(server.wait(shipping.DEADLINE_S) == 0, f"the server ended with {server.returncode}")
    said, status = container.waybill("restore", BACKUP)
    check(status == 0 and "orders          1" in said, f"no restore from the volume: {said}")
    log.seek(0)
    events = [json.loads(line)["event"] for line in log]  # every line is a log line, whatever library wrote it
    check(events[-1] == "stopped", f"the log ends with {events}")
    print("the image's root holds the walk")


if __name__ == "__main__":
    main()
