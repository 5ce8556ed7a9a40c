"""Writes the manual page from what the program says of itself.

    man_page.py BINARY OUT.1.gz

Each command's section is the text of its --help, so that neither can say what the other does not.
"""
import gzip
import re
import subprocess
import sys
from pathlib import Path


def help_of(binary, command):
    environment = {"PATH": "/usr/bin:/bin"}
    return subprocess.run([binary, *command, "--help"], capture_output=True, text=True, check=True, env=environment).stdout


def commands_in(text):
    section = re.search(r"^Subcommands:\n((?:  .*\n?)*)", text, re.M)
    return re.findall(r"^  ([a-z-]+)", section.group(1), re.M) if section else []


def verbatim(text):
    escaped = text.rstrip("\n").replace("\\", "\\e").replace("-", "\\-")
    return ".nf\n" + re.sub(r"^([.'])", r"\\&\1", escaped, flags=re.M) + "\n.fi\n"


def sections(binary, command):
    text = help_of(binary, command)
    title = " ".join(["waybill", *command])
    yield f".SS {title}\n" + verbatim(text)
    for name in commands_in(text):
        yield from sections(binary, [*command, name])


def main():
    binary, out = sys.argv[1:]
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    page = f'.TH WAYBILL 1 "" "{version}"\n.SH NAME\nwaybill \\- order\\-processing backend for online shops\n'
    page += ".SH SYNOPSIS\n.B waybill\n.I COMMAND\n[OPTIONS]\n.SH COMMANDS\n" + "".join(sections(binary, []))
    page += ".SH FILES\n.TP\n.I /etc/waybill/waybill.env\nsettings of the service\n"
    page += ".TP\n.I /var/lib/waybill\ndatabase, journal, secret and mails of the service\n"
    page += ".TP\n.I /usr/share/doc/waybill/env.sample\nevery setting, with its default\n"
    # Without a name and a time in it, the same text is the same file.
    Path(out).write_bytes(gzip.compress(page.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
