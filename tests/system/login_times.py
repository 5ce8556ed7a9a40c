"""Asks a running binary whether the time of an answer tells which addresses have an account.

    login_times.py BINARY [LOGINS]      exit status 1 when the answers can be told apart

Known and unknown addresses take turns, so that whatever else the machine does falls on both alike. The
verdict is that of Mann and Whitney: the chance that an answer for a known address took longer than one
for an unknown address, which is a half where nothing can be learned. On a busy machine it varies, so this
is no part of the tests; what makes the time is counted there (LoginCost).
"""
import http.client
import json
import subprocess
import sys
import tempfile
import time

LOGINS = 300
CHANCE_MIN, CHANCE_MAX = 0.40, 0.60


def timed(connection, path, body):
    began = time.perf_counter()
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return time.perf_counter() - began, answer.status


def chance_that_first_is_longer(first, second):
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(rank for rank, (_, group) in enumerate(ranked, 1) if group == 0)
    return (ranks - len(first) * (len(first) + 1) / 2) / (len(first) * len(second))


def compare(connection, path, body_of, status, count):
    times = {"known": [], "unknown": []}
    for i in range(count):
        for who in sorted(times, reverse=bool(i % 2)):
            seconds, got = timed(connection, path, body_of(who, i))
            assert got == status, got
            times[who].append(seconds)
    chance = chance_that_first_is_longer(times["known"], times["unknown"])
    medians = {who: sorted(seconds)[count // 2] * 1e3 for who, seconds in times.items()}
    print(f"{path}: known {medians['known']:.2f} ms, unknown {medians['unknown']:.2f} ms, "
          f"known took longer in {chance:.0%} of all pairs")
    return CHANCE_MIN <= chance <= CHANCE_MAX


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else LOGINS
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.argv[1], "serve", "--listen", "127.0.0.1:0", "--rate-limit-auth", "0", "--rate-limit-api", "0",
             "--log-level", "off"], cwd=folder, stdout=subprocess.PIPE, text=True)
        try:
            address = server.stdout.readline().strip().removeprefix("listening on http://")
            connection = http.client.HTTPConnection(address, timeout=30)
            emails = [f"known{i}@example.com" for i in range(count)]
            for email in emails:
                timed(connection, "/api/v1/auth/register", {"email": email, "password": "a good password"})
            def email_of(who, i):
                return emails[i] if who == "known" else f"nobod{i}@example.com"
            equal = [
                compare(connection, "/api/v1/auth/login",
                        lambda who, i: {"email": email_of(who, i), "password": "a wrong password"}, 401, count),
                compare(connection, "/api/v1/auth/forgot-password", lambda who, i: {"email": email_of(who, i)}, 202, count),
            ]
        finally:
            server.terminate()
            server.wait(20)
    return 0 if all(equal) else 1


if __name__ == "__main__":
    sys.exit(main())
