"""Brings up compose.yaml without an engine: its services as processes, under the names, addresses and environments that
it gives them, with Debian's nginx on deploy/nginx/nginx.conf in front; then the README's walk.

    compose_test.py ROOT BINARY MONGO_DOUBLE NODE

MongoDB is the double of the tests. The stand-ins for SQS and SES are the programs of the image, from its lock file.
"""
import http.client
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import yaml

import image_test
import shipping
from shipping import check, run

LONGEST_S = 60
# The double listens on loopback only, and so do the programs that are started for one test.
ADDRESSES = {"mongo": "127.0.0.1", "redis": "127.0.0.1", "sqs": "127.0.0.1", "ses": "127.0.0.1", "mail": "127.0.0.1",
             "api-1": "172.28.0.11", "api-2": "172.28.0.12", "worker": "172.28.0.13"}


def read_compose(source, *profile):
    text = run(shipping.need("docker-compose", "docker-compose"), "-f", "compose.yaml", *profile, "config", cwd=source)
    return yaml.safe_load(text)


def check_compose(compose, source):
    services = compose["services"]
    for name, service in services.items():
        for wanted in service.get("depends_on", {}):
            check(wanted in services, f"{name} waits for {wanted}, which is not there")
        image = service.get("image", "")
        check(":" in image and not image.endswith(":latest"), f"{name} has no version: {image}")
        if name not in ("seed", "embedded"):
            check("healthcheck" in service or image.startswith("waybill:"), f"{name} tells nobody whether it is healthy")
    embedded = read_compose(source, "--profile", "embedded")["services"]["embedded"]
    check(not embedded.get("depends_on"), "the embedded shop needs nothing else")
    subnet = compose["networks"]["shop"]["ipam"]["config"][0]["subnet"]
    check(services["nginx"]["ports"] == ["127.0.0.1:8080:80/tcp"], f"nginx is published at {services['nginx']['ports']}")
    check(services["api-1"]["environment"]["WAYBILL_TRUSTED_PROXIES"] == subnet, "nginx is not trusted")


class Machine:
    """The network of the services, on loopback."""

    def __init__(self, source, compose, folder, binary, node):
        self.source, self.services, self.folder, self.binary, self.node = source, compose["services"], folder, binary, node
        image = image_test.stages_of(source / "Dockerfile")[-1]
        texts = image_test.texts(image, "ENV")
        self.image_environment = dict(pair.split("=", 1) for text in texts for pair in shlex.split(text))
        for name in ("api-1", "api-2", "worker"):
            run(shipping.need("ip", "iproute2"), "address", "add", ADDRESSES[name] + "/24", "dev", "lo")
        hosts = folder / "hosts"
        lines = ["127.0.0.1 localhost"] + [f"{address} {name}" for name, address in ADDRESSES.items()]
        hosts.write_text("\n".join(lines) + "\n")
        run("mount", "--bind", hosts, "/etc/hosts")

    def file_of(self, service, path):
        """The file of ours that a service sees as `path`."""
        for volume in self.services[service]["volumes"]:
            source, target, _ = volume.split(":")
            if target == path:
                return source
        sys.exit(f"{service} has no volume {path}")

    def environment(self, service):
        return {name: str(value) for name, value in self.services[service].get("environment", {}).items()}

    def start(self, command, environment=None, **options):
        path = {"PATH": os.environ.get("PATH", "") + ":/usr/sbin"}
        return subprocess.Popen([str(word) for word in command], env=path | (environment or {}), **options)

    def start_stand_in(self, service, environment):
        command = [self.node, *self.services[service]["command"][1:]]
        self.start(command, environment, cwd=self.source / "tests/doubles", stdout=subprocess.DEVNULL)
        test = self.services[service]["healthcheck"]["test"]
        healthcheck = [str(self.node), *test[2:]]
        shipping.eventually(lambda: subprocess.run(healthcheck, check=False).returncode == 0, f"{service} is healthy")

    def waybill(self, service):
        """The environment of one of our own services; only its address is another, as they share one machine."""
        listen = self.image_environment["WAYBILL_LISTEN"].replace("0.0.0.0", ADDRESSES.get(service, "127.0.0.1"))
        return self.image_environment | self.environment(service) | {
            "WAYBILL_LISTEN": listen, "WAYBILL_DATA_DIR": str(self.folder / service)}

    def serve(self, service):
        (self.folder / service).mkdir()
        server = self.start([self.binary, "serve"], self.waybill(service), cwd=self.folder / service,
                            stdout=subprocess.PIPE, text=True)
        shipping.await_line(server, f"listening on http://{ADDRESSES[service]}:8080")
        said = subprocess.run([self.binary, "healthcheck"], env=self.waybill(service), cwd=self.folder / service,
                              capture_output=True, text=True, check=False)
        check('"degraded":[]' in said.stdout, f"{service} lacks a part: {said.stdout}{said.stderr}")
        return server


def start_parts(machine, mongo_double):
    mongo = machine.start([mongo_double, "--port", "27017"], stdout=subprocess.PIPE, text=True)
    check(mongo.stdout.readline().startswith("listening on mongodb://127.0.0.1:27017"), "MongoDB's double does not listen")
    redis = machine.services["redis"]
    machine.start(redis["command"], stdout=subprocess.DEVNULL, cwd=machine.folder)
    shipping.eventually(lambda: subprocess.run(redis["healthcheck"]["test"][1:], capture_output=True, text=True,
                                               check=False).stdout == "PONG\n", "Redis answers")
    queues = machine.file_of("sqs", machine.environment("sqs")["FAUXQS_INIT"])
    machine.start_stand_in("sqs", machine.environment("sqs") | {"FAUXQS_INIT": queues})
    machine.start_stand_in("ses", machine.environment("ses"))


def start_mail_box(machine, mails):
    """What the viewer would show, as the files that the walk reads: named by each mail's identity."""
    box = machine.start([machine.node, "smtp/smtpd.mjs", "--mode", "plain", "--port", "1025"],
                        cwd=machine.source / "tests/doubles", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    check(box.stdout.readline() == "listening 1025\n", "the mail box does not listen")

    def keep():
        for line in box.stdout:
            event = json.loads(line)
            if event["event"] == "mail":
                raw = bytes.fromhex(event["raw"])
                order = raw.partition(b"Subject: Your Order Processed: ")[2].split()[0].decode()
                (mails / f"{order}-processed.eml").write_bytes(raw)

    threading.Thread(target=keep, daemon=True).start()
    return box


def start_nginx(machine):
    nginx = shipping.need("nginx", "nginx-light")
    conf, own = machine.folder / "nginx.conf", machine.folder / "nginx-tmp"
    shutil.copy(machine.file_of("nginx", "/etc/nginx/nginx.conf"), conf)
    own.mkdir(mode=0o1777)
    own.chmod(0o1777)
    inside = ["unshare", "--mount", "sh", "-ec", f'mount --bind {own} /tmp; exec {nginx} -p /tmp -c {conf} "$@"', "nginx"]
    run(*inside, "-t")
    machine.start([*inside, "-g", "daemon off;"])
    shipping.eventually(lambda: shipping.answers("http://127.0.0.1/readyz"), "nginx answers")


def ask(path, address="127.0.0.1", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=30, source_address=(address, 0))
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    answer.read()
    return answer


def check_customers_are_told_apart():
    """Limits count the customer's address: not nginx's, and not one that the customer made up."""
    def left(address, claimed):
        return int(ask("/api/v1/products", address, {"X-Forwarded-For": claimed}).getheader("X-RateLimit-Remaining"))

    first, same, other = left("127.0.0.5", "10.0.0.1"), left("127.0.0.5", "10.0.0.2"), left("127.0.0.6", "10.0.0.1")
    check(same < first and other > same, f"customers are not told apart behind nginx: {first}, {same}, {other} left")


def check_one_may_die(api):
    api.kill()
    api.wait()
    failed = [answer.status for answer in (ask("/api/v1/products") for _ in range(20)) if answer.status != 200]
    check(not failed, f"with one API gone, nginx answers {failed}")


def main():
    source, binary, mongo_double, node = (Path(word) for word in sys.argv[1:])
    folder = shipping.enter_machine()
    compose = read_compose(source)
    check_compose(compose, source)
    mails = folder / "desk/data/mail/today"
    mails.mkdir(parents=True)
    machine = Machine(source, compose, folder, binary, node)
    box = start_mail_box(machine, mails)
    start_parts(machine, mongo_double)
    seeded = subprocess.run([binary, *compose["services"]["seed"]["command"]], env=machine.waybill("seed"), cwd=folder,
                            capture_output=True, text=True, check=False)
    check(seeded.returncode == 0, f"seed: {seeded.stderr}")
    servers = {name: machine.serve(name) for name in ("api-1", "api-2", "worker")}
    start_nginx(machine)
    check(ask("/metrics").status == 404, "nginx shows the metrics to everybody")
    shipping.walk_through(source, folder / "desk", "http://127.0.0.1")
    check_customers_are_told_apart()
    check_one_may_die(servers.pop("api-1"))
    for name, server in servers.items():
        server.terminate()
        check(server.wait(LONGEST_S) == 0, f"{name} ended with {server.returncode}")
    box.stdin.close()
    print("the services of compose.yaml took the walk through nginx")


if __name__ == "__main__":
    main()
