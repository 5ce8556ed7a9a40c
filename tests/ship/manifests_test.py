"""Holds what deploys Waybill against the schemas of Kubernetes, against Waybill's own settings, and against itself.

    manifests_test.py ROOT BINARY NODE
"""
import ipaddress
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

import image_test
from shipping import check, run

OVERLAYS = ("embedded", "production")
BY_HAND = ("desk", "restore")  # pods of deploy/kubernetes/embedded that an operator makes for a while
DRAIN_MAX_S = 10  # what SIGTERM promises, after --shutdown-delay
# Read by libraries, not by Waybill.
OF_LIBRARIES = {"SSL_CERT_FILE", "MONGOC_DISABLE_SHM"}
SECRETS = {"MONGO_URI": "mongodb://mongo.example/?replicaSet=rs0", "REDIS_URL": "redis://redis.example", "JWT_SECRET": "s" * 32}


def objects_of(source, overlay):
    text = run(source / "script/kustomize", f"deploy/kubernetes/{overlay}", cwd=source)
    return list(yaml.safe_load_all(text))


def check_schemas(source, node, objects, overlay):
    result = subprocess.run([node, source / "tests/ship/validate.mjs"], input=json.dumps(objects), text=True,
                            capture_output=True, check=False)
    check(result.returncode == 0, f"{overlay}: {result.stdout}{result.stderr}")


def of_kind(objects, *kinds):
    return [thing for thing in objects if thing["kind"] in kinds]


def pods_of(objects):
    return [(thing, thing["spec"]["template"]) for thing in of_kind(objects, "Deployment", "StatefulSet")]


def check_restricted(name, spec):
    """The profile 'restricted' of Kubernetes' pod security standards."""
    pod = spec["securityContext"]
    check(pod["runAsNonRoot"] and pod["runAsUser"] > 0, f"{name} may be root")
    check(pod["seccompProfile"]["type"] == "RuntimeDefault", f"{name} has no seccomp profile")
    check(not spec["automountServiceAccountToken"], f"{name} has a token of the cluster")
    for container in spec["containers"]:
        own = container["securityContext"]
        check(own["capabilities"] == {"drop": ["ALL"]} and not own["allowPrivilegeEscalation"]
              and own["readOnlyRootFilesystem"], f"{name} is not restricted")


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text).group(1))


def check_pod(name, spec, settings):
    container = spec["containers"][0]
    check(":" in container["image"], f"{name}: the image has no version")
    check(container["livenessProbe"]["httpGet"]["path"] == "/livez", f"{name}: liveness must not depend on the store")
    check(container["readinessProbe"]["httpGet"]["path"] == "/readyz", f"{name}: readiness is told by /readyz")
    check("cpu" in container["resources"]["requests"] and "memory" in container["resources"]["limits"],
          f"{name}: no resources are asked for")
    needed = seconds(settings["WAYBILL_SHUTDOWN_DELAY"]) + DRAIN_MAX_S
    check(spec["terminationGracePeriodSeconds"] > needed, f"{name}: it is killed before it has drained")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    check(settings["WAYBILL_METRICS_LISTEN"] == f"0.0.0.0:{ports['metrics']}", f"{name}: no metrics on their port")
    check(not spec["enableServiceLinks"], f"{name}: variables of the service look like settings")


def check_references(objects):
    """Whoever names or selects something finds it."""
    pods = pods_of(objects)
    maps = {thing["metadata"]["name"]: thing["data"] for thing in of_kind(objects, "ConfigMap")}
    owners = {(owner["kind"], owner["metadata"]["name"]) for owner, _ in pods}
    for owner, template in pods:
        container = template["spec"]["containers"][0]
        named = [source["configMapRef"]["name"] for source in container["envFrom"] if "configMapRef" in source]
        check(all(name in maps for name in named), f"{owner['metadata']['name']} names no ConfigMap of ours: {named}")
        check(any(source.get("secretRef", {}).get("name") == "waybill" for source in container["envFrom"]),
              f"{owner['metadata']['name']} has no secret")
    for service in of_kind(objects, "Service"):
        selected = [template for _, template in pods
                    if service["spec"]["selector"].items() <= template["metadata"]["labels"].items()]
        check(selected, f"the service {service['metadata']['name']} selects nothing")
        for port in service["spec"]["ports"]:
            offered = {entry["name"] for entry in selected[0]["spec"]["containers"][0]["ports"]}
            check(port["targetPort"] in offered, f"the service {service['metadata']['name']} has a port of nobody")
    for budget in of_kind(objects, "PodDisruptionBudget"):
        wanted = budget["spec"]["selector"]["matchLabels"].items()
        check(any(wanted <= template["metadata"]["labels"].items() for _, template in pods), "a budget of nothing")
    for scaler in of_kind(objects, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        check((target["kind"], target["name"]) in owners, f"the autoscaler scales nothing: {target}")
        check(all("replicas" not in owner["spec"] for owner, _ in pods if owner["metadata"]["name"] == target["name"]),
              "the autoscaler and the deployment both say how many")
    return maps


def environment_of(template, maps):
    container = template["spec"]["containers"][0]
    values = dict(SECRETS)
    for source in container["envFrom"]:
        if "configMapRef" in source:
            values |= maps[source["configMapRef"]["name"]]
    return values | {entry["name"]: entry["value"] for entry in container.get("env", [])}


def check_proxies(name, settings):
    """A whole private network is many pods that could claim any address; which pods are the ingress, only its operator knows."""
    for entry in settings["WAYBILL_TRUSTED_PROXIES"].split(","):
        check(ipaddress.ip_network(entry).num_addresses <= 65536, f"{name} believes all of {entry}")


def check_overlay(source, node, binary, overlay):
    objects = objects_of(source, overlay)
    check_schemas(source, node, objects, overlay)
    maps = check_references(objects)
    names = set()
    for owner, template in pods_of(objects):
        name = f"{overlay}/{owner['metadata']['name']}"
        check_restricted(name, template["spec"])
        environment = environment_of(template, maps)
        check_pod(name, template["spec"], environment)
        check_proxies(name, environment)
        names |= environment.keys()
        if overlay == "embedded":
            environment = {key: value for key, value in environment.items() if key not in SECRETS}
        run(binary, "config", env=environment, cwd="/")  # every value can be read, and they agree
    return {"Namespace", "Service", "Ingress", "NetworkPolicy", "ServiceMonitor", "ConfigMap"} - {
        thing["kind"] for thing in objects}, names


def check_by_hand(source, node, binary):
    """They see the shop's volume as the shop does, and never take its customers."""
    objects = objects_of(source, "embedded")
    (shop, template), = pods_of(objects)
    container = template["spec"]["containers"][0]
    claim = f"{shop['spec']['volumeClaimTemplates'][0]['metadata']['name']}-{shop['metadata']['name']}-0"
    check(shop["spec"]["replicas"] == 1, "there is more than one volume")
    for name in BY_HAND:
        pod = yaml.safe_load((source / f"deploy/kubernetes/embedded/{name}.yaml").read_text())
        check_schemas(source, node, [pod], name)
        check_restricted(name, pod["spec"])
        own = pod["spec"]["containers"][0]
        check(pod["metadata"]["namespace"] == shop["metadata"]["namespace"], f"{name} is in another namespace")
        check(pod["metadata"]["labels"]["app.kubernetes.io/name"] != "waybill", f"the service takes {name} for the shop")
        check(pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim, f"{name} has another volume than {claim}")
        check(own["volumeMounts"] == container["volumeMounts"], f"{name} sees the volume elsewhere")
        check(pod["spec"]["securityContext"] == template["spec"]["securityContext"], f"{name} is another user than the shop")
        if name == "restore":
            check(own["image"] == container["image"], f"{name} is another version than the shop")
            run(binary, own["args"][0], "--help")


def known_names(binary):
    sample = run(binary, "config", "--env-sample")
    names = set(re.findall(r"(?m)^# (WAYBILL_[A-Z_]+)=", sample))
    for others in re.findall(r"\(also ([A-Z0-9_, ]+)\)", sample):
        names |= set(others.split(", "))
    return names


def named_elsewhere(source):
    """(file, name) of every variable that other files of deployment and its documents speak of."""
    final = image_test.stages_of(source / "Dockerfile")[-1]
    for text in image_test.texts(final, "ENV"):
        yield from (("Dockerfile", pair.split("=", 1)[0]) for pair in shlex.split(text))
    compose = yaml.safe_load((source / "compose.yaml").read_text())
    for service in compose["services"].values():
        if service.get("image", "").startswith("waybill:"):
            yield from (("compose.yaml", name) for name in service.get("environment", {}))
    settings = (source / "deploy/debian/waybill.env").read_text()
    yield from (("waybill.env", name) for name in re.findall(r"(?m)^(?:# )?([A-Z][A-Z_]+)=", settings))
    for path in [*(source / "deploy/kubernetes").rglob("*.yaml"), source / "docs/OPERATIONS.md", source / "README.md"]:
        text = path.read_text()
        yield from ((path.name, name) for name in re.findall(r"--from-literal=([A-Z_]+)", text))
        yield from ((path.name, name) for name in re.findall(r"\bWAYBILL_[A-Z_]*[A-Z]\b", text))


def main():
    source, binary, node = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    known = known_names(binary) | OF_LIBRARIES
    check(len(known) > 50, f"only {len(known)} settings are known")
    for overlay in OVERLAYS:
        missing, names = check_overlay(source, node, binary, overlay)
        check(not missing, f"{overlay} has no {missing}")
        check(names <= known, f"{overlay} sets what nobody reads: {names - known}")
    check_by_hand(source, node, binary)
    # Comments of manifests speak of the variable that is kept out.
    unknown = [(file, name) for file, name in named_elsewhere(source) if name not in known | {"WAYBILL_PORT"}]
    check(not unknown, f"nobody reads {unknown}")
    print("manifests, settings and references agree")


if __name__ == "__main__":
    main()
