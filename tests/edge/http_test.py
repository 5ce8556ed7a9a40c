#!/usr/bin/python3
"""Raw bytes to the running binary: every form of forms.py, what HEAD and OPTIONS must do, and pipelines.

Use: http_test.py WAYBILL [WORD]...   only tests and forms whose name holds a word
"""
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
from checks import Checks
from forms import FORMS, LAST, POST
from shop import Client, Shop, bearer, temporary_folder
from streams import Stream, exchange, statuses

THREADS = 8
BYTE_BY_BYTE_MAX = 4_000
ORIGIN = "https://front.example"
OF_EACH_ANSWER = {"date", "x-request-id", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit"}


def test_forms(shop, checks):
    """One answer to what is ambiguous, and the same however the bytes are cut."""
    jobs = [(form, cut) for form in FORMS if checks.wants(form.name)
            for cut in (False, True) if not cut or len(form.data) <= BYTE_BY_BYTE_MAX]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = pool.map(lambda job: exchange(shop.port, job[0].data + LAST, job[1]), jobs)
        for (form, cut), answer in zip(jobs, answers):
            name = f"form {form.name}" + (" byte by byte" if cut else "")
            found = statuses(answer)
            if cut:  # who waits for its body may be told to go on
                found = tuple(status for status in found if status != 100)
            checks.equal(name, found, form.expected)


def routes_of(binary_port):
    document = Client(binary_port).send("GET", "/openapi.json").json()
    return document["paths"]


def targets_of(path):
    """With ids that are not there, below both prefixes."""
    known = path.replace("{productId}", "67c8830b7ef1b848ac52ebec").replace("{location}", "bangalore")
    while "{" in known:
        known = known[:known.index("{")] + "none" + known[known.index("}") + 1:]
    return known


def test_head(shop, checks):
    """The headers of GET, and no body."""
    auth = bearer(Client(shop.port).send("POST", "/api/v1/auth/register", email="head@example.com", password="secret"))
    for path, operations in routes_of(shop.port).items():
        if "get" not in operations:
            continue
        for more in ({}, auth):
            lines = "".join(f"{name}: {value}\r\n" for name, value in more.items())
            request = f" {targets_of(path)} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode()
            with Stream(shop.port) as stream:
                stream.send(b"GET" + request + b"HEAD" + request + LAST)
                asked = stream.read_answer()
                head = stream.read_answer(head=True)
                rest = stream.read_rest()
            same = {name: value for name, value in asked[1] if name not in OF_EACH_ANSWER}
            told = {name: value for name, value in head[1] if name not in OF_EACH_ANSWER}
            if path in ("/metrics", "/api/v1/admin/stats"):
                same.pop("content-length"), told.pop("content-length")  # counts grow
            name = f"HEAD {path}" + (" with a token" if more else "")
            checks.equal(name, (head[0], told), (asked[0], same))
            checks.equal(name + " has no body", statuses(rest), (200,))


def test_refused_head(shop, checks):
    """No body either where the head is not even read to its end."""
    for name, data, expected in (("long target", b"HEAD /" + b"a" * 9_000, 414),
                                 ("large headers", b"HEAD /livez HTTP/1.1\r\nX: " + b"a" * 17_000, 431),
                                 ("folded header", b"HEAD /livez HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
                                 ("bare line feed", b"HEAD /livez HTTP/1.1\nHost: a\n\n", 400)):
        with Stream(shop.port) as stream:
            stream.send(data)
            checks.equal(f"HEAD with {name}", (stream.read_answer(head=True)[0], stream.read_rest()), (expected, b""))


def test_options(shop, checks):
    """Allow on every path; what a browser's preflight asks, for known origins only."""
    for path, operations in routes_of(shop.port).items():
        methods = {method.upper() for method in operations if method in ("get", "post", "put", "patch", "delete")}
        allowed = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        for origin, known in ((ORIGIN, True), ("https://evil.example", False), ("null", False), (ORIGIN + ".evil.example", False)):
            answer = Client(shop.port).send("OPTIONS", targets_of(path), headers={
                "Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"})
            name = f"OPTIONS {path} from {origin}"
            checks.equal(name, answer.status, 204)
            checks.equal(name + ": Allow", set(answer.header("Allow").split(", ")), allowed)
            checks.equal(name + ": origin", answer.header("Access-Control-Allow-Origin"), origin if known else None)
            checks.equal(name + ": methods", answer.header("Access-Control-Allow-Methods"), answer.header("Allow") if known else None)
            checks.equal(name + ": Vary", answer.header("Vary"), "Origin")
            checks.equal(name + ": body", answer.body, b"")


def test_no_body(shop, checks):
    """204 has neither a body nor a length (RFC 9110, 8.6), and 405 says what is allowed."""
    with Stream(shop.port) as stream:
        stream.send(b"OPTIONS /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        status, headers, _ = stream.read_answer()
        checks.equal("204", status, 204)
        checks.equal("204 has no length", [name for name, _ in headers if name in ("content-length", "transfer-encoding")], [])
    answer = Client(shop.port).send("PUT", "/api/v1/orders")
    checks.equal("405", (answer.status, answer.header("Allow")), (405, "GET, HEAD, POST, OPTIONS"))


def test_pipeline(shop, checks):
    """A hundred answers in order; what stands behind a refusal is never answered."""
    body = json.dumps({"email": "nobody", "password": "x"}).encode()
    post = POST + b"Content-Length: %d\r\nX-Request-Id: post-%%d\r\n\r\n" % len(body)
    with Stream(shop.port) as stream:
        for at in range(50):
            stream.send(post % at + body + b"GET /livez HTTP/1.1\r\nHost: a\r\nX-Request-Id: get-%d\r\n\r\n" % at)
        for at in range(50):
            for kind, expected in (("post", 401), ("get", 200)):
                status, headers, _ = stream.read_answer()
                checks.equal(f"pipeline {kind} {at}", (status, dict(headers)["x-request-id"]), (expected, f"{kind}-{at}"))
    good = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
    for form in FORMS:
        if len(form.expected) == 1 and form.expected[0] >= 400 and len(form.data) <= BYTE_BY_BYTE_MAX:
            answers = statuses(exchange(shop.port, good * 3 + form.data + good * 3 + LAST))
            checks.equal(f"pipeline around {form.name}", answers, (200,) * 3 + form.expected)


def test_continue(shop, checks):
    """100 comes once, before the body, and only to who waits for it and may send it."""
    head = POST + b"Content-Length: %d\r\nExpect: %s\r\n\r\n"
    for value in (b"100-continue", b"100-Continue", b"100-continue, 100-continue", b"100-continue\r\nExpect: 100-continue"):
        with Stream(shop.port) as stream:
            stream.send(head % (2, value))
            checks.equal(f"Expect: {value}", stream.read_answer()[0], 100)
            stream.send(b"{}" + LAST)
            checks.equal(f"Expect: {value}, the body", statuses(stream.read_rest()), (422, 200))
    checks.equal("Expect with a body that is too large", statuses(exchange(shop.port, head % (65_537, b"100-continue"))), (413,))


def test_half_closed(shop, checks):
    """Who has stopped sending is still answered, and what is cut off is not."""
    for name, data, expected in (("whole", LAST.replace(b"Connection: close\r\n", b""), (200,)), ("nothing", b"", ()),
                                 ("cut head", LAST[:-2], ()), ("cut body", POST + b"Content-Length: 9\r\n\r\n{}", ()),
                                 ("cut chunk", POST + b"Transfer-Encoding: chunked\r\n\r\n9\r\n{}", ())):
        with Stream(shop.port) as stream:
            stream.send(data)
            stream.finish_sending()
            checks.equal(f"half closed: {name}", statuses(stream.read_rest()), expected)


def main():
    checks = Checks(sys.argv[2:])
    with temporary_folder() as folder:
        shop = Shop(sys.argv[1], folder, ["--cors-allow-origin", ORIGIN])
        for test in (test_forms, test_head, test_refused_head, test_options, test_no_body, test_pipeline, test_continue, test_half_closed):
            test(shop, checks)
        checks.equal("still ready", Client(shop.port).send("GET", "/readyz").status, 200)
        shop.stop()
    return checks.report("http edge")


if __name__ == "__main__":
    sys.exit(main())
