"""Pastes the walk of the README, as it stands, against a fresh server.

    readme_walk.py ROOT BINARY
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SHOWN = ['"email":"example@gmail.com"', '"totalAmount":4324.00', '"status":"Processed"', "Subject: Your Order Processed"]


def walk_of(root):
    return re.search(r"<!-- walk -->\n```bash\n(.*?)```", (root / "README.md").read_text(), re.S).group(1)


def paste(walk, folder):
    return subprocess.run(["bash", "-e", "-c", walk], cwd=folder, capture_output=True, text=True, timeout=60)


def order_of(result):
    found = re.search(r'"orderId":"([^"]+)"', result.stdout)
    return found.group(1) if found else None


def problem_of(result):
    """What the walk did not show; empty when it ended as the README says."""
    missing = [words for words in SHOWN if words not in result.stdout + result.stderr]
    if missing or not order_of(result) or result.returncode != 0:
        return f"the walk does not end as the README says: missing {missing}, exit {result.returncode}"
    return ""


def main():
    root, binary = Path(sys.argv[1]), sys.argv[2]
    walk = walk_of(root)
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen([binary, "serve", "--seed-demo", "--listen", "127.0.0.1:0"], cwd=folder,
                                  stdout=subprocess.PIPE, text=True)
        try:
            address = server.stdout.readline().strip().removeprefix("listening on ")
            pasted = walk.replace("http://127.0.0.1:8080", address)
            assert pasted != walk, "the walk names another address than the default"
            result = paste(pasted, folder)
        finally:
            server.terminate()
            status = server.wait(20)
    print(result.stdout, result.stderr)
    problem = problem_of(result)
    if problem or status != 0:
        sys.exit(f"{problem}; server {status}")


if __name__ == "__main__":
    main()
