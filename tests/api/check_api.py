"""Serves a shop and lets schemathesis at it.

    check_api.py WAYBILL SCHEMATHESIS AT_LEAST [OPTIONS OF `st run`...]

AT_LEAST: how many requests must have been answered, so that a run that tried little does not count.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from shop import Client, Shop, environment, temporary_folder  # noqa: E402

HERE = Path(__file__).parent
PASSWORD = "of-this-run-only"


def requests_of(metrics):
    return sum(int(float(count)) for count in re.findall(r"^waybill_http_requests_total\{[^}]*\} (\S+)$", metrics, re.M))


def main():
    waybill, schemathesis, at_least, *options = sys.argv[1:]
    with temporary_folder() as folder:
        shop = Shop(waybill, folder / "shop", ["--password-length-min", "6"])
        try:
            shop.make_admin(Client(shop.port), "fuzz@example.com", PASSWORD)
            env = environment({"WAYBILL_PORT": str(shop.port), "WAYBILL_ADMIN": "fuzz@example.com", "WAYBILL_PASSWORD": PASSWORD,
                               "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"})
            command = [str(Path(schemathesis).absolute()), "--config-file", str(HERE / "schemathesis.toml"), "run",
                       f"http://127.0.0.1:{shop.port}/openapi.json", "--checks", "all", "--warnings", "off", *options]
            status = subprocess.run(command, env=env, cwd=folder).returncode
            answered = requests_of(Client(shop.port).send("GET", "/metrics").body.decode())
            print(f"{answered} requests answered")
        finally:
            shop.stop()
    if status == 0 and answered < int(at_least):
        print(f"that is fewer than {at_least}: the run says little")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
