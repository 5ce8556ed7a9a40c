#!/usr/bin/python3
"""Behind nginx and HAProxy: what the proxy takes for one request is one request here, whatever is sent through it.

Use: proxies_test.py WAYBILL [WORD]...   only checks whose name holds a word
"""
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
from checks import Checks
from forms import FORMS, LAST
from proxies import haproxy, nginx
from shop import Client, Shop, bearer, eventually, temporary_folder
from streams import exchange, statuses

THREADS = 8
ORDERS = 20
PIPELINE = 20
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: hidden\r\n\r\n"
COUNTER = re.compile(r'^waybill_http_requests_total\{([^}]*)\} (\d+)', re.MULTILINE)
ORDER = json.dumps({"items": [{"productId": "67c8830b7ef1b848ac52ebec", "quantity": 1}], "location": "bangalore"}).encode()

# Ways to write `Transfer-Encoding: chunked` that one reader of two may not see.
ENCODINGS = [b"Transfer-Encoding: chunked", b"Transfer-Encoding : chunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding:\tchunked",
             b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: chunked\x0b", b"Transfer-Encoding: chunked\x00",
             b"Transfer-Encoding: identity, chunked", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: chunked,",
             b"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
             b"Transfer-Encoding:\r\n chunked", b"X: a\r\n Transfer-Encoding: chunked", b"X: a\nTransfer-Encoding: chunked",
             b"X: a\rTransfer-Encoding: chunked", b"Transfer_Encoding: chunked", b"Transfer-Encoding: \"chunked\"",
             b"Transfer-Encoding: CHUNKED", b"transfer-encoding:chunked", b"Transfer-Encoding: chunked;q=1", b" Transfer-Encoding: chunked",
             b"Transfer-Encoding\xa0: chunked", b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
             b"Connection: Content-Length"]


def smuggling():
    """A second request in what is a body to one of two readers."""
    hidden_in_length = b"0\r\n\r\n" + HIDDEN
    hidden_in_chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
    for at, encoding in enumerate(ENCODINGS):
        start = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + encoding + b"\r\n"
        yield f"smuggled {at} in the length", start + b"Content-Length: %d\r\n\r\n" % len(hidden_in_length) + hidden_in_length
        yield f"smuggled {at} in a chunk", start + b"Content-Length: 4\r\n\r\n" + hidden_in_chunk
        yield f"smuggled {at} without a length", start + b"\r\n" + hidden_in_length
    get = b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % len(HIDDEN)
    yield "smuggled in a body of GET", get + b"\r\n" + HIDDEN
    yield "smuggled behind an expectation", get + b"Expect: 100-continue\r\n\r\n" + HIDDEN
    yield "smuggled behind two lengths", get + b"Content-Length: 0\r\n\r\n" + HIDDEN
    yield "smuggled behind an upgrade", b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 99\r\n\r\n"


class Server:
    """What the server says of itself: its count of answers, and whose paths it saw."""

    def __init__(self, shop):
        self._shop = shop

    def answered(self):
        text = Client(self._shop.port).send("GET", "/metrics").body.decode()
        return sum(int(count) for labels, count in COUNTER.findall(text) if 'route="/metrics"' not in labels)

    def saw(self, path):
        """How many requests for a path it answered, from its log."""
        return (self._shop.folder / "log").read_text().count(f'"path":"{path}"')


def count_on_both_sides(name, here, there, checks):
    """As many here as there. One that the proxy gave up may have been answered here or not: its client left, or its body was no body."""
    def agree():
        answered, sent = there()
        return answered <= here() <= sent

    try:
        eventually(agree, "the same count on both sides")
        agreed = True
    except AssertionError:
        agreed = False
    checks.equal(f"{name}: {here()} requests here, answered and sent there {there()}", agreed, True)


def check_good(proxy, server, auth, checks):
    """Orders, whole and in chunks, and a pipeline: exactly as many on both sides."""
    before = server.answered()
    lines = "".join(f"{key}: {value}\r\n" for key, value in auth.items()).encode()
    post = b"POST /api/v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + lines
    whole = post + b"Content-Length: %d\r\n\r\n" % len(ORDER) + ORDER
    cut = post + b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + ORDER[:5] + b"\r\n%x\r\n" % (len(ORDER) - 5) + ORDER[5:] + b"\r\n0\r\n\r\n"
    sent = [(f"order {at}", (cut if at % 2 else whole) + LAST, (201, 200)) for at in range(ORDERS)]
    sent.append(("pipeline", b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * PIPELINE + LAST, (200,) * (PIPELINE + 1)))
    with ThreadPoolExecutor(THREADS) as pool:
        for (label, data, expected), answer in zip(sent, pool.map(lambda one: exchange(proxy.port, one[1]), sent)):
            checks.equal(f"{proxy.name}: {label}", statuses(answer), expected)
    count_on_both_sides(f"{proxy.name}: good", lambda: server.answered() - before, proxy.requests, checks)
    checks.equal(f"{proxy.name}: all of them", server.answered() - before, 2 * ORDERS + PIPELINE + 1)


def check_odd(proxy, server, checks):
    """Every form, and what hides a second request: to nobody more than to the other."""
    before, (answered, begun), hidden = server.answered(), proxy.requests(), server.saw("/hidden")
    hidden_there = proxy.requests("GET /hidden ")
    sent = [(form.name, form.data + LAST) for form in FORMS] + [(label, data + LAST) for label, data in smuggling()]
    with ThreadPoolExecutor(THREADS) as pool:
        for (label, _), answer in zip(sent, pool.map(lambda one: exchange(proxy.port, one[1]), sent)):
            checks.equal(f"{proxy.name}: {label}: nothing crashed", 500 in statuses(answer), False)
    here = lambda: server.answered() - before
    there = lambda text="", first=(answered, begun): tuple(now - then for now, then in zip(proxy.requests(text), first))
    count_on_both_sides(f"{proxy.name}: odd", here, there, checks)
    count_on_both_sides(f"{proxy.name}: hidden", lambda: server.saw("/hidden") - hidden, lambda: there("GET /hidden ", hidden_there), checks)
    print(f"{proxy.name}: {here()} odd requests were answered here, {there()[0]} came back of {there()[1]} sent there")


def main():
    checks = Checks(sys.argv[2:])
    with temporary_folder() as folder:
        folder.chmod(0o755)
        shop = Shop(sys.argv[1], folder / "shop", ["--log-level", "debug", "--idle-deadline", "60s"])
        client = Client(shop.port)
        auth = bearer(client.send("POST", "/api/v1/auth/register", email="front@example.com", password="secret"))
        server = Server(shop)
        for number, (make, variant) in enumerate(((nginx, False), (nginx, True), (haproxy, False), (haproxy, True))):
            place = folder / str(number)
            place.mkdir()
            proxy = make(place, shop.port, variant)
            check_good(proxy, server, auth, checks)
            check_odd(proxy, server, checks)
            proxy.stop()
        checks.equal("its log tells paths", server.saw("/livez") > 0, True)
        shop.stop()
    return checks.report("behind proxies")


if __name__ == "__main__":
    sys.exit(main())
