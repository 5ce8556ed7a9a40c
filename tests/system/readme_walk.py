"""Pastes the walk of the README, as it stands, against a fresh server.

    readme_walk.py ROOT BINARY
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

root, binary = Path(sys.argv[1]), sys.argv[2]
walk = re.search(r"<!-- walk -->\n```bash\n(.*?)```", (root / "README.md").read_text(), re.S).group(1)

with tempfile.TemporaryDirectory() as folder:
    server = subprocess.Popen([binary, "serve", "--seed-demo", "--listen", "127.0.0.1:0"], cwd=folder,
                              stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().strip().removeprefix("listening on ")
        pasted = walk.replace("http://127.0.0.1:8080", address)
        assert pasted != walk, "the walk names another address than the default"
        result = subprocess.run(["bash", "-e", "-c", pasted], cwd=folder, capture_output=True, text=True, timeout=60)
    finally:
        server.terminate()
        status = server.wait(20)

print(result.stdout, result.stderr)
shown = result.stdout + result.stderr
order = re.search(r'"orderId":"([^"]+)"', result.stdout)
wanted = ['"email":"example@gmail.com"', '"totalAmount":4324.00', '"status":"Processed"', "Subject: Your Order Processed"]
missing = [words for words in wanted if words not in shown]
if missing or not order or result.returncode != 0 or status != 0:
    sys.exit(f"the walk does not end as the README says: missing {missing}, exit {result.returncode}, server {status}")
