"""Looks for secrets in logs.

    secret_scan.py begin FOLDER     empties the folder in which a suite keeps its logs and secrets
    secret_scan.py scan FOLDER      prints each line of a log that holds a secret; exit status 1 when there is one,
                                    77 when no test kept anything, unless WAYBILL_WHOLE_SUITE says that all ran

The lines of *.secrets are what was used: passwords, tokens, cookies, keys. Besides, nothing in a log may
look like a token or a hash at all.
"""
import os
import re
import shutil
import sys
from pathlib import Path

SKIPPED = 77
NO_SECRETS = {"nonsense"}  # what tests send as a token, and as much else
WINDOW = 16  # characters of a long secret that give it away
FORMS = re.compile(r"eyJ[A-Za-z0-9_-]{8}|Bearer [A-Za-z0-9]|\$argon2id?\$|\$2[aby]\$\d\d\$|refreshToken=[A-Za-z0-9]")
WORDS = re.compile(r"[A-Za-z0-9_+/=.-]{%d,}" % WINDOW)


def read_secrets(folder):
    secrets = set()
    for file in folder.glob("*.secrets"):
        secrets.update(file.read_text(errors="replace").splitlines())
    return {secret for secret in secrets - NO_SECRETS if len(secret) >= 4}


def pattern_of(secret):
    """A password that is also a word of ours ("secret") counts where a value stands."""
    word = re.escape(secret)
    if re.fullmatch(r"[a-z]+", secret):
        return r"""(?:["'=]|[:=] )""" + word + r"""(?=["',;&}\s]|$)"""
    return r"(?<![\w-])" + word + r"(?![\w-])"


class Scanner:
    """Long secrets by windows of them, so that many thousands cost no more than one; short ones as they are."""

    def __init__(self, secrets):
        self.windows = {}
        self.short = []
        for secret in secrets:
            if WORDS.fullmatch(secret):
                for part in (secret[:WINDOW], secret[-WINDOW:]):
                    self.windows[part] = secret
            else:
                self.short.append((secret, re.compile(pattern_of(secret))))

    def secret_in(self, line):
        for word in WORDS.findall(line):
            for start in range(len(word) - WINDOW + 1):
                if found := self.windows.get(word[start:start + WINDOW]):
                    return found
        for secret, pattern in self.short:
            if secret in line and pattern.search(line):
                return secret
        found = FORMS.search(line)
        return found.group(0) if found else None


def scan(folder, whole_suite=False):
    secrets = read_secrets(folder)
    logs = sorted(folder.glob("*.log"))
    if not whole_suite and not logs and not any(folder.glob("*.secrets")):
        print("no test of this run kept a log or a secret: nothing was scanned")
        return SKIPPED
    lines = breaches = 0
    scanner = Scanner(secrets)
    for log in logs:
        for number, line in enumerate(log.read_text(errors="replace").splitlines(), 1):
            lines += 1
            if found := scanner.secret_in(line):
                breaches += 1
                print(f"{log.name}:{number}: holds '{found[:8]}...': {line[:300]}")
    print(f"{len(secrets)} secrets, {len(logs)} logs, {lines} lines, {breaches} breaches")
    return 0 if secrets and lines and not breaches else 1


def main():
    command, folder = sys.argv[1], Path(sys.argv[2])
    if command == "begin":
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)  # a test beside the suite may keep a log already
        return 0
    return scan(folder, whole_suite=bool(os.environ.get("WAYBILL_WHOLE_SUITE")))


if __name__ == "__main__":
    sys.exit(main())
