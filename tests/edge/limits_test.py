#!/usr/bin/python3
"""Rate limits: which class counts a route, what each answer says of it, whose address counts, and who shares a bucket.

Use: limits_test.py WAYBILL [WORD]...   only checks whose name holds a word
"""
import itertools
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
from checks import Checks
from shop import JSON, Client, Process, Shop, bearer, cookie, free_port, temporary_folder

API, ACCOUNT, ADDRESS = 4, 3, 6  # tokens; none comes back while a test runs
FLAGS = ["--rate-limit-api", f"{API}/10h", "--rate-limit-auth", f"{ACCOUNT}/10h", "--rate-limit-auth-address", f"{ADDRESS}/10h"]
PROXY = ["--trusted-proxies", "127.0.0.1,10.0.0.0/8"]
AUTH_ROUTES = {"/api/v1/auth/register", "/api/v1/auth/login", "/api/v1/auth/forgot-password", "/api/v1/auth/reset-password"}
HEADERS = ("RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
addresses = (f"192.0.2.{last}" for last in itertools.count(1))


def said(answer):
    """Policy, burst and what is left; None where nothing is said. The two families of headers must agree."""
    values = [answer.header(name) for name in HEADERS]
    if not any(values):
        return None
    policy = re.fullmatch(r'"(\w+)";q=(\d+);w=36000', values[0] or "")
    left = re.fullmatch(r'"(\w+)";r=(\d+);t=(\d+)', values[1] or "")
    if not policy or not left or policy[1] != left[1] or values[2:] != [policy[2], left[2], left[3]]:
        return values
    return policy[1], int(policy[2]), int(left[2])


def from_address(address):
    return {"X-Forwarded-For": address}


def refused(answer):
    return answer.status, answer.code(), int(answer.header("Retry-After") or 0) > 0


REFUSED = (429, "rate-limited", True)


def test_every_route(client, checks):
    """Anonymous: each route counts in its class, whatever it answers."""
    for path, operations in client.send("GET", "/openapi.json").json()["paths"].items():
        target = re.sub(r"\{\w+\}", "x", path)
        for method in [name.upper() for name in operations if name in ("get", "post", "put", "patch", "delete")]:
            address = from_address(next(addresses))
            answers = [client.send(method, target, headers=address) for _ in range(API + 1)]
            name = f"{method} {path}"
            if not path.startswith("/api/"):
                checks.equal(f"{name}: no limit", [said(answer) for answer in answers], [None] * (API + 1))
                continue
            if path in AUTH_ROUTES:  # what was no try takes nothing of the tries, and is a request like any other
                checks.equal(f"{name}: auth", [said(answer) for answer in answers], [("auth", ADDRESS, ADDRESS)] * API + [("api", API, 0)])
                checks.equal(f"{name}: no more", refused(answers[-1]), REFUSED)
                continue
            checks.equal(f"{name}: api", [said(answer) for answer in answers], [("api", API, left) for left in (*range(API - 1, -1, -1), 0)])
            checks.equal(f"{name}: no more", refused(answers[-1]), REFUSED)
            checks.equal(f"{name}: until then", 429 in [answer.status for answer in answers[:-1]], False)


def test_no_route(client, checks):
    """404 and 405 below the prefixes count, and take from the same bucket."""
    address = from_address(next(addresses))
    for at, (method, target, status) in enumerate((("GET", "/api/v1/nothing", 404), ("PUT", "/api/v1/orders", 405),
                                                   ("GET", "/api/v1/products/nothing", 404), ("GET", "/api/%00", 404))):
        answer = client.send(method, target, headers=address)
        checks.equal(f"no route: {method} {target}", (answer.status, said(answer)), (status, ("api", API, API - 1 - at)))
    checks.equal("no route: no more", refused(client.send("GET", "/api/v1/products", headers=address)), REFUSED)
    checks.equal("no route: an address of its own", client.send("GET", "/api/v1/products", headers=from_address(next(addresses))).status, 200)


def test_users(client, checks):
    """A user's bucket is his wherever he comes from; an invalid token counts for its address."""
    place = from_address(next(addresses))
    auth = bearer(client.send("POST", "/api/v1/auth/register", headers=place, email="user@example.com", password="secret"))
    for left in range(API - 1, -1, -1):
        answer = client.send("GET", "/api/v1/me", headers={**auth, **from_address(next(addresses))})
        checks.equal(f"user: {left} left", (answer.status, said(answer)), (200, ("api", API, left)))
    for target in ("/api/v1/me", "/api/v1/orders", "/api/v1/products", "/api/v1/nothing"):
        checks.equal(f"user: no more of {target}", refused(client.send("GET", target, headers={**auth, **from_address(next(addresses))})), REFUSED)
    other = {"Authorization": "Bearer nothing", **from_address(next(addresses))}
    found = [client.send("GET", "/api/v1/me", headers=other) for _ in range(API + 1)]
    checks.equal("false tokens", [answer.status for answer in found], [401] * API + [429])


def log_in(client, address, email, password):
    return client.send("POST", "/api/v1/auth/login", headers=from_address(address), email=email, password=password)


def test_tries(binary, folder, checks):
    """Tries alone, with no limit for requests."""
    shop = Shop(binary, folder, ["--rate-limit-api", "0", *FLAGS[2:], *PROXY], limits=True)
    client = Client(shop.port)
    test_logins(client, checks)
    test_other_tries(client, checks)
    shop.stop()


def test_logins(client, checks):
    """Failures count for account and address, and for the address; what succeeds counts for nobody."""
    home, away = next(addresses), next(addresses)
    client.send("POST", "/api/v1/auth/register", headers=from_address(next(addresses)), email="login@example.com", password="secret")
    for _ in range(ADDRESS + 1):
        answer = log_in(client, home, "login@example.com", "secret")
        checks.equal("login: success counts for nobody", (answer.status, said(answer)), (200, ("auth", ACCOUNT, ACCOUNT)))
    for left in range(ACCOUNT - 1, -1, -1):
        answer = log_in(client, home, "Login@Example.com", "wrong")
        checks.equal(f"login: {left} left", (answer.status, said(answer)), (401, ("auth", ACCOUNT, left)))
    for password in ("wrong", "secret"):
        checks.equal(f"login: no more, {password}", refused(log_in(client, home, "login@example.com", password)), REFUSED)
    checks.equal("login: from another address", log_in(client, away, "login@example.com", "secret").status, 200)
    for at in range(ADDRESS - ACCOUNT):
        checks.equal(f"login: another account {at}", log_in(client, home, f"other{at}@example.com", "wrong").status, 401)
    answer = log_in(client, home, "fresh@example.com", "wrong")
    checks.equal("login: no more of any account", (refused(answer), said(answer)), (REFUSED, ("auth", ADDRESS, 0)))
    for path, fields in (("register", {"email": "new@example.com", "password": "secret"}), ("forgot-password", {"email": "a@example.com"}),
                         ("reset-password", {"token": "x", "password": "secret"})):
        checks.equal(f"login: no more of {path}", refused(client.send("POST", f"/api/v1/auth/{path}", headers=from_address(home), **fields)), REFUSED)


def test_other_tries(client, checks):
    """Registrations and forgotten passwords count whatever they answer, resets when they fail."""
    for path, fields, status in (("register", {"email": "twice@example.com", "password": "secret"}, (201, 409, 409)),
                                 ("forgot-password", {"email": "nobody@example.com"}, (202, 202, 202)),
                                 ("reset-password", {"token": "x", "password": "secret"}, (401, 401, 401))):
        address = from_address(next(addresses))
        answers = [client.send("POST", f"/api/v1/auth/{path}", headers=address, **fields) for _ in range(ACCOUNT + 1)]
        checks.equal(f"{path}: until then", tuple(answer.status for answer in answers[:-1]), status)
        checks.equal(f"{path}: no more", refused(answers[-1]), REFUSED)


def test_refresh(client, checks):
    """Counts like any other request of its address."""
    address = from_address(next(addresses))
    session = client.send("POST", "/api/v1/auth/register", headers=from_address(next(addresses)), email="again@example.com", password="secret")
    for left in range(API - 1, -1, -1):
        session = client.send("POST", "/api/v1/auth/refresh", headers={**address, **cookie(session)})
        checks.equal(f"refresh: {left} left", (session.status, said(session)), (200, ("api", API, left)))
    checks.equal("refresh: no more", refused(client.send("POST", "/api/v1/auth/refresh", headers={**address, **cookie(session)})), REFUSED)


def left_for(client, forwarded):
    return said(client.send("GET", "/api/v1/products", headers={"X-Forwarded-For": forwarded}))[2]


def test_addresses(client, checks):
    """The last address that is no trusted proxy's, however it is written; what a client adds before it is nothing."""
    same = ["198.51.100.1", "6.6.6.6, 198.51.100.1", "198.51.100.1, 10.1.2.3", "198.51.100.1:4711"]
    for at, forwarded in enumerate(same):
        checks.equal(f"address {forwarded}", left_for(client, forwarded), API - 1 - at)
    six = ["2001:db8::1", "[2001:db8::1]", "[2001:DB8:0::1]:4711", "unknown, 2001:db8:0:0:0:0:0:1"]
    for at, forwarded in enumerate(six):
        checks.equal(f"address {forwarded}", left_for(client, forwarded), API - 1 - at)
    for at, garbage in enumerate(["10.9.9.9", "6.6.6.6, garbage, 10.9.9.9", "6.6.6.6,, 10.9.9.9", "6.6.6.6, 1.2.3.999, 10.9.9.9"]):
        checks.equal(f"address {garbage}", left_for(client, garbage), API - 1 - at)
    checks.equal("address of many proxies", left_for(client, "198.51.100.2" + ", 10.0.0.1" * 60), API - 1)
    checks.equal("other headers count for nothing",
                 said(client.send("GET", "/api/v1/products", headers={"Forwarded": "for=198.51.100.9", "X-Real-IP": "198.51.100.9"}))[2] < API, True)


def test_untrusted(binary, folder, checks):
    """Without --trusted-proxies the peer's address counts, whatever it says."""
    shop = Shop(binary, folder, FLAGS, limits=True)
    client = Client(shop.port)
    found = [client.send("GET", "/api/v1/products", headers=from_address(f"198.51.100.{at}")).status for at in range(API + 1)]
    checks.equal("untrusted", found, [200] * API + [429])
    checks.equal("untrusted: probes go on", client.send("GET", "/livez").status, 200)
    shop.stop()


def test_off(binary, folder, checks):
    """0 is no limit, and nothing is said of it."""
    shop = Shop(binary, folder)
    client = Client(shop.port)
    answers = [client.send("GET", "/api/v1/products") for _ in range(400)]
    checks.equal("off: api", {(answer.status, said(answer)) for answer in answers}, {(200, None)})
    answers = [client.send("POST", "/api/v1/auth/login", email="a@example.com", password="wrong") for _ in range(12)]
    checks.equal("off: auth", {(answer.status, said(answer)) for answer in answers}, {(401, None)})
    shop.stop()


def test_shared(binary, folder, checks):
    """Two processes on one Redis have one bucket for an address; without Redis each has its own."""
    port = free_port()
    redis = Process(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)], "Ready to accept")
    flags = [*FLAGS, *PROXY, "--redis-url", f"redis://127.0.0.1:{port}", "--redis-connect-timeout", "60s", "--redis-call-timeout", "2s"]
    shops = [Shop(binary, folder / str(at), flags, limits=True) for at in range(2)]
    clients = [Client(shop.port) for shop in shops]
    found = [said(clients[at % 2].send("GET", "/api/v1/products")) for at in range(API)]
    checks.equal("shared", found, [("api", API, left) for left in range(API - 1, -1, -1)])
    checks.equal("shared: no more", [refused(client.send("GET", "/api/v1/products")) for client in clients], [REFUSED] * 2)
    away = next(addresses)
    failed = [log_in(clients[at % 2], away, "a@example.com", "wrong").status for at in range(ACCOUNT + 1)]
    checks.equal("shared: logins", failed, [401] * ACCOUNT + [429])
    redis.stop()
    checks.equal("shared: without Redis again a bucket each", [client.send("GET", "/api/v1/products").status for client in clients], [200] * 2)
    for shop in shops:
        shop.stop()


def main():
    binary, checks = sys.argv[1], Checks(sys.argv[2:])
    with temporary_folder() as folder:
        shop = Shop(binary, folder / "behind", [*FLAGS, *PROXY], limits=True)
        client = Client(shop.port)
        for test in (test_every_route, test_no_route, test_users, test_refresh, test_addresses):
            test(client, checks)
        shop.stop()
        test_tries(binary, folder / "tries", checks)
        test_untrusted(binary, folder / "untrusted", checks)
        test_off(binary, folder / "off", checks)
        (folder / "shared").mkdir()
        test_shared(binary, folder / "shared", checks)
    return checks.report("limits")


if __name__ == "__main__":
    sys.exit(main())
