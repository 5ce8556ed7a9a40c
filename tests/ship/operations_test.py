"""Holds docs/OPERATIONS.md against what it speaks of: files, commands, flags, the proxy's configuration, and alerts.

    operations_test.py ROOT BINARY
"""
import re
import sys
from pathlib import Path

import yaml

import shipping
from shipping import check, run


def anchor_of(heading):
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


def check_links(path, text):
    anchors = {anchor_of(heading) for heading in re.findall(r"(?m)^#+ (.+)$", text)}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            check(target[1:] in anchors, f"{path.name} leads to {target}, which is not there")
        elif "://" not in target:
            check((path.parent / target.partition("#")[0]).exists(), f"{path.name} leads to {target}, which is not there")


def check_commands(text, binary):
    """`waybill …` in the text is a command that there is, with flags that there are."""
    code = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.S) + re.findall(r"`([^`\n]+)`", text))
    helps = {}
    for words in re.findall(r"(?:^|[ /])waybill ((?:[a-z][a-z-]* ?)+)", code, re.M):
        command = words.split()
        if command[0] in ("user", "dead-letters"):
            command = command[:2]
        else:
            command = command[:1]
        helps[" ".join(command)] = run(binary, *command, "--help")  # a usage error fails
    flags = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", "\n".join(re.findall(r"`(--[a-z][a-z-]+)`", text))))
    known = run(binary, "serve", "--help") + "".join(helps.values())
    missing = [flag for flag in flags if not re.search(rf"(?<![\w-]){flag}(?![\w-])", known)]
    check(helps and not missing, f"OPERATIONS.md names flags that nobody reads: {missing}")


def check_proxy(text, folder):
    nginx = shipping.need("nginx", "nginx-light")
    snippet = re.search(r"```nginx\n(.*?)```", text, re.S).group(1)
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    run(shipping.need("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-subj", "/CN=shop.example", "-keyout", key, "-out", certificate)
    snippet = re.sub(r"/etc/\S+fullchain\.pem", str(certificate), re.sub(r"/etc/\S+privkey\.pem", str(key), snippet))
    conf = folder / "nginx.conf"
    conf.write_text(f"pid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{snippet}}}\n")
    run(nginx, "-t", "-p", folder, "-c", conf)


def check_caddyfile(text):
    """What Caddy asks of a block, and what is asked of a proxy: Caddy itself is not among the tools."""
    snippet = re.search(r"```caddyfile\n(.*?)```", text, re.S)
    check(snippet, "OPERATIONS.md shows no Caddyfile")
    lines = [line.strip() for line in snippet.group(1).splitlines()]
    check(not any("{" in line[:-1] or ("}" in line and line != "}") for line in lines),
          f"an opening brace ends its line, a closing one has its own: {lines}")
    check("respond /metrics 404" in lines, "Caddy shows the metrics to everybody")


def check_alerts(source, text):
    """Each alert leads to its heading here, and each heading of an alert to an alert."""
    alerts = set()
    for path in sorted((source / "deploy").glob("prometheus/*.rules.y*ml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in (rule for rule in group["rules"] if "alert" in rule):
                alerts.add(rule["alert"])
                wanted = f"docs/OPERATIONS.md#{anchor_of(rule['alert'])}"
                check(rule["annotations"]["runbook_url"].endswith(wanted), f"{rule['alert']} does not lead to {wanted}")
    headings = set(re.findall(r"(?m)^### (Waybill\w+)$", text))
    check(not alerts - headings, f"OPERATIONS.md does not say what to do about {alerts - headings}")
    check(not alerts or not headings - alerts, f"OPERATIONS.md speaks of alerts that there are not: {headings - alerts}")


def main():
    source, binary = Path(sys.argv[1]), Path(sys.argv[2])
    folder = shipping.enter_machine()
    document = source / "docs/OPERATIONS.md"
    text = document.read_text()
    check_links(document, text)
    check_commands(text, binary)
    check_proxy(text, folder)
    check_caddyfile(text)
    check_alerts(source, text)
    print("OPERATIONS.md speaks of what there is")


if __name__ == "__main__":
    main()
