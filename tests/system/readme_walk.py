"""Pastes what the README says to paste, as it stands: the walk, against a fresh server, and the shop of one's own.

    readme_walk.py ROOT BINARY
"""
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ADDRESS = "http://127.0.0.1:8080"
SHOWN = ['"email":"example@gmail.com"', '"totalAmount":4324.00', '"status":"Processed"', "Subject: Your Order Processed"]
# A person waits a second for the mail; a machine that is busy, or a build that is slow, until it is there.
PAUSE = "sleep 1\n"
UNTIL_MAILED = "until ls data/mail/*/$order-processed.eml >&2; do sleep 0.1; done 2>/dev/null\n"
DEADLINE_S = 60
PASSWORD = "only for this test"


def block_of(root, mark):
    return re.search(rf"<!-- {mark} -->\n```bash\n(.*?)```", (root / "README.md").read_text(), re.S).group(1)


def replaced(text, old, new):
    if old not in text:
        sys.exit(f"the README does not say {old.strip()!r} any more")
    return text.replace(old, new)


def walk(root, folder, shop=ADDRESS):
    """Pastes the walk in a folder that shows the shop's `data`; returns what it printed and the order's id, or ends."""
    text = replaced(replaced(block_of(root, "walk"), PAUSE, UNTIL_MAILED), ADDRESS, shop)
    result = subprocess.run(["bash", "-e", "-c", text], cwd=folder, capture_output=True, text=True, timeout=DEADLINE_S)
    said = result.stdout + result.stderr
    missing = [words for words in SHOWN if words not in said]
    order = re.search(r'"orderId":"([^"]+)"', result.stdout)
    if missing or not order or result.returncode != 0:
        sys.exit(f"{said}\nthe walk does not end as the README says: missing {missing}, exit {result.returncode}")
    return said, order.group(1)


class Server:
    """`with` a process that says where it listens; it must end with 0 when it is asked to."""

    def __init__(self, command, folder):
        self.process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip().removeprefix("listening on ")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        status = self.process.wait(DEADLINE_S)
        if status != 0 and error == (None, None, None):
            sys.exit(f"the server ended with {status}")


def take_walk(root, binary, folder):
    with Server([binary, "serve", "--seed-demo", "--listen", "127.0.0.1:0"], folder) as server:
        print(walk(root, folder, server.address)[0])


def commands_of(root, binary, folder):
    """The commands of the README's own shop by their names, with this binary, a folder of ours and a free port."""
    text = replaced(block_of(root, "shop"), "build/release/waybill", shlex.quote(str(binary)))
    text = replaced(replaced(text, "/var/lib/waybill", str(folder / "lib")), "127.0.0.1:8080", "127.0.0.1:0")
    return {words[1]: words for words in (shlex.split(line, comments=True) for line in text.splitlines())}


def check_own_shop(root, binary, folder):
    """Who is made an administrator logs in to the server of the next line, and doctor finds that shop well."""
    commands = commands_of(root, binary, folder)
    email = re.search(r"--email (\S+)", " ".join(commands["user"])).group(1)
    subprocess.run(commands["user"], cwd=folder, input=PASSWORD + "\n", text=True, check=True)
    with Server(commands["serve"], folder) as server:
        login = subprocess.run(["curl", "-sS", server.address + "/api/v1/auth/login", "-H", "Content-Type: application/json", "-d",
                                f'{{"email":"{email}","password":"{PASSWORD}"}}'], capture_output=True, text=True, check=True)
        if '"role":"admin"' not in login.stdout:
            sys.exit(f"the administrator of the README's shop is answered {login.stdout}")
        subprocess.run(commands["doctor"], cwd=folder, check=True)


def main():
    root, binary = Path(sys.argv[1]), Path(sys.argv[2]).resolve()
    for paste in (take_walk, check_own_shop):
        with tempfile.TemporaryDirectory() as folder:
            paste(root, binary, Path(folder))


if __name__ == "__main__":
    main()
