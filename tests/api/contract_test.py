"""The contract held against running servers.

    contract_test.py WAYBILL MONGO_DOUBLE PRISM_OR_EMPTY NODE

Every answer is checked against the document, by us and (the requests that are not broken on purpose) by a validating
proxy. At the end every route and status of the document must have been produced, and its examples have been sent.
"""
import json
import re
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contract import Document  # noqa: E402
from shop import (Answer, Client, HoldingService, Process, Record, RefusingMailServer, Shop, arm_fault, bearer,  # noqa: E402
                  cookie, eventually, free_port, temporary_folder)

V1 = "/api/v1"
TEA = "67c8830b7ef1b848ac52ebec"
MAT = "67c8830b7ef1b848ac52ebed"
STAND = "67c8830b7ef1b848ac52ebee"
ORDER = {"items": [{"productId": MAT, "quantity": 1}]}
DEMO = {"location": "bangalore", "totalAmount": 4324,
        "items": [{"productId": TEA, "quantity": 1}, {"productId": STAND, "quantity": 2}]}


class Suite(unittest.TestCase):
    """What the tests share: one shop behind one proxy, and one record of all that came back."""

    @classmethod
    def setUpClass(cls):
        cls.waybill, cls.mongo_double, prism, node = sys.argv_of_test
        cls.stack = temporary_folder()
        cls.root = cls.stack.__enter__()
        cls.service = HoldingService()
        cls.mail = RefusingMailServer()
        cls.shop = Shop(cls.waybill, cls.root / "shop", ["--refresh-grace", "0s", *cls.service.flags()])
        cls.document = Document(Client(cls.shop.port).send("GET", "/openapi.json").body)
        cls.record = Record(cls.document)
        cls.proxy = cls.proxy_port = None
        if prism:
            document = cls.root / "openapi.json"
            document.write_bytes(Client(cls.shop.port).send("GET", "/openapi.json").body)
            cls.proxy_port = free_port()
            cls.proxy = Process([node, prism, "proxy", str(document), f"http://127.0.0.1:{cls.shop.port}", "-h", "127.0.0.1",
                                 "-p", str(cls.proxy_port), "--cors", "false"], "Prism is listening")
        cls.client = Client(cls.shop.port, cls.record, cls.proxy_port)
        cls.admin = cls.shop.make_admin(cls.client)
        cls.customers = 0

    @classmethod
    def tearDownClass(cls):
        if cls.proxy:
            cls.proxy.stop(kill=True)
        cls.shop.stop()
        cls.service.stop()
        cls.mail.stop()
        cls.stack.__exit__(None, None, None)

    def register(self, password="secret"):
        type(self).customers += 1
        self.email = f"customer-{self.customers}@example.com"
        login = self.client.send("POST", f"{V1}/auth/register", email=self.email, password=password)
        return login, bearer(login)

    def expect(self, status, method, path, body=None, headers=None, code=None, client=None, **options):
        answer = (client or self.client).send(method, path, body, headers, **options)
        self.assertEqual(answer.status, status, f"{method} {path}: {answer.body[:300]}")
        if code:
            self.assertEqual(answer.code(), code)
        return answer

    # ---- accounts

    def test_accounts(self):
        login, user = self.register()
        self.expect(409, "POST", f"{V1}/auth/register", {"email": self.email, "password": "secret"}, code="email-taken")
        self.expect(200, "POST", f"{V1}/auth/login", {"email": self.email, "password": "secret"})
        self.expect(401, "POST", f"{V1}/auth/login", {"email": self.email, "password": "wrong!"}, code="invalid-credentials")
        self.expect(200, "GET", f"{V1}/me", headers=user)
        other = self.client.send("POST", f"{V1}/auth/login", email=self.email, password="secret")
        listed = self.expect(200, "GET", f"{V1}/auth/sessions", headers=user).json()["data"]
        session = next(s["sessionId"] for s in listed if s["current"])
        self.expect(401, "POST", f"{V1}/me/password", {"current": "wrong!", "new": "secret2"}, user, "invalid-credentials")
        self.expect(204, "POST", f"{V1}/me/password", {"current": "secret", "new": "secret2"}, user)
        self.expect(401, "GET", f"{V1}/me", headers=bearer(other), code="token-invalid")
        self.expect(204, "DELETE", f"{V1}/auth/sessions/{session}", headers=user)

    def test_refreshing(self):
        for route in ("refresh", "refresh-token"):
            login, _ = self.register()
            fresh = self.expect(200, "POST", f"{V1}/auth/{route}", headers=cookie(login))
            self.expect(200, "POST", f"{V1}/auth/{route}", {}, cookie(fresh))
            self.expect(401, "POST", f"{V1}/auth/{route}", headers=cookie(login), code="refresh-reused")
            self.expect(401, "POST", f"{V1}/auth/{route}", headers=cookie(fresh), code="refresh-invalid")
            self.expect(403, "POST", f"{V1}/auth/{route}", headers={**cookie(fresh), "Origin": "http://evil.example"})

    def test_logging_out(self):
        login, user = self.register()
        self.expect(403, "POST", f"{V1}/auth/logout", headers={**cookie(login), "Origin": "http://evil.example"})
        self.expect(401, "POST", f"{V1}/auth/logout", headers={"Cookie": "refreshToken=a; refreshToken=b"}, direct=True)
        self.expect(204, "POST", f"{V1}/auth/logout", headers=cookie(login))
        self.expect(204, "POST", f"{V1}/auth/logout")
        _, user = self.register()
        self.expect(204, "POST", f"{V1}/auth/logout-all", headers=user)

    def test_forgotten_passwords(self):
        self.register()
        known, unknown = ({"email": address} for address in (self.email, "nobody@example.com"))
        self.expect(202, "POST", f"{V1}/auth/forgot-password", known)
        self.expect(202, "POST", f"{V1}/auth/forgot-password", unknown)
        new = {"token": self.shop.await_reset_token(), "password": "another secret"}
        self.expect(204, "POST", f"{V1}/auth/reset-password", new)
        self.expect(401, "POST", f"{V1}/auth/reset-password", new, code="reset-invalid")
        self.expect(200, "POST", f"{V1}/auth/login", {"email": self.email, "password": "another secret"})

    # ---- orders

    def test_orders(self):
        _, user = self.register()
        place = lambda body=ORDER, headers=None: self.client.send("POST", f"{V1}/orders", body, {**user, **(headers or {})})
        self.assertEqual(place(DEMO).status, 201)  # takes the only place of the service
        key = {"Idempotency-Key": "one"}
        first, again = place(headers=key), place(headers=key)
        self.assertEqual((first.status, again.status), (201, 201))
        self.assertEqual(again.header("idempotent-replayed"), "true")
        self.assertEqual(place({"items": [{"productId": MAT, "quantity": 2}]}, key).code(), "idempotency-key-reused")
        self.assertEqual(place({**DEMO, "totalAmount": 1}).code(), "total-mismatch")
        self.assertEqual(place({"items": [{"productId": "nothing", "quantity": 1}]}).code(), "unknown-product")
        self.assertEqual(place({**ORDER, "location": "atlantis"}).code(), "unknown-location")
        self.assertEqual(place({"items": [{"productId": MAT, "quantity": 0}]}).code(), "validation-failed")
        self.assertEqual(place({"items": [{"productId": MAT, "quantity": 10000}] , "coupon": 1}).code(), "unknown-field")
        scarce = self.client.send("POST", f"{V1}/products", {"name": "Scarce", "price": 1.25}, self.admin).json()["productId"]
        self.assertEqual(place({"items": [{"productId": scarce, "quantity": 1}]}).code(), "insufficient-stock")

        order = first.json()["orderId"]
        self.expect(200, "GET", f"{V1}/orders/{order}", headers=user)
        self.expect(200, "GET", f"{V1}/orders/{order}/timeline", headers=user)
        _, stranger = self.register()
        for method, path in (("GET", ""), ("GET", "/timeline"), ("POST", "/cancel")):
            self.expect(404, method, f"{V1}/orders/{order}{path}", headers=stranger, code="not-found")
        self.expect(200, "POST", f"{V1}/orders/{order}/cancel", headers=user)
        self.expect(200, "POST", f"{V1}/orders/{order}/cancel", {}, user)
        self.assertEqual(self.expect(200, "GET", f"{V1}/orders/{order}", headers=user).header("x-cache"), "HIT")
        taken = self.client.send("GET", f"{V1}/orders?status=Processing", headers=self.admin).json()["data"][0]["orderId"]
        self.expect(409, "POST", f"{V1}/orders/{taken}/cancel", headers=self.admin, code="invalid-transition")
        page = self.expect(200, "GET", f"{V1}/orders?limit=1", headers=user).json()
        self.expect(200, "GET", f"{V1}/orders?limit=1&cursor={page['nextCursor']}", headers=user)

    # ---- catalogue and stock

    def test_products_and_stock(self):
        made = self.expect(201, "POST", f"{V1}/products", {"name": "Tea", "price": 149.5}, self.admin).json()
        self.expect(200, "GET", f"{V1}/products/{made['productId']}")
        self.expect(200, "GET", f"{V1}/products?limit=2")
        self.expect(200, "PATCH", f"{V1}/products/{made['productId']}", {"active": False}, self.admin)
        stock = f"{V1}/inventory/{made['productId']}/bangalore"
        key = {**self.admin, "Idempotency-Key": "set"}
        self.expect(200, "PUT", stock, {"available": 5}, key)
        self.assertEqual(self.expect(200, "PUT", stock, {"available": 5}, key).header("idempotent-replayed"), "true")
        self.expect(422, "PUT", stock, {"available": 6}, key, "idempotency-key-reused")
        self.expect(200, "POST", f"{stock}/adjust", {"delta": -5, "reason": "broken"}, self.admin)
        self.expect(422, "POST", f"{stock}/adjust", {"delta": -1}, self.admin, "validation-failed")
        self.expect(200, "GET", f"{V1}/inventory?location=bangalore&limit=2", headers=self.admin)

    # ---- operations

    def test_operations(self):
        with temporary_folder() as folder:
            shop = Shop(self.waybill, folder, ["--smtp-url", self.mail.url()])
            try:
                client = Client(shop.port, self.record)
                admin = shop.make_admin(client)
                letters = f"{V1}/admin/dead-letters"
                for decision in ("requeue", "discard"):
                    self.expect(201, "POST", f"{V1}/orders", ORDER, admin, client=client)
                    found = eventually(lambda: client.send("GET", letters, headers=admin).json()["data"], "a dead letter")
                    self.expect(200, "POST", f"{letters}/{found[0]['id']}/{decision}", {}, admin, client=client)
                shop.add_order_dead_letter("of-an-order")
                self.expect(409, "POST", f"{letters}/of-an-order/requeue", headers=admin, code="invalid-transition", client=client)
                self.expect(200, "GET", f"{V1}/admin/stats", headers=admin, client=client)
            finally:
                shop.stop()
        self.expect(200, "GET", f"{V1}/admin/dead-letters", headers=self.admin)
        self.expect(200, "GET", f"{V1}/admin/stats", headers=self.admin)

    def test_probes_and_documents(self):
        for path in ("/livez", "/readyz", "/health", "/metrics"):
            self.expect(200, "GET", path)
        files = [path for method, path in self.document.routes() if path.startswith(("/docs", "/openapi"))]
        self.assertEqual(len(files), 6)
        for path in files:
            tag = self.expect(200, "GET", path).header("etag")
            self.expect(304, "GET", path, headers={"If-None-Match": tag})
        with temporary_folder() as folder:
            shop = Shop(self.waybill, folder, ["--metrics-listen", "127.0.0.1:0"])
            try:
                self.expect(404, "GET", "/metrics", client=Client(shop.port, self.record))
            finally:
                shop.stop()

    # ---- what many routes share

    def routes_with(self, status):
        return [route for route in self.document.routes() if status in self.document.statuses(route)]

    def path_of(self, route):
        return re.sub(r"\{(\w+)\}", lambda m: "bangalore" if m[1] == "location" else "nothing", route[1])

    def body_of(self, route):
        content = self.document.operation(route).get("requestBody")
        if content is None:
            return None
        examples = content["content"]["application/json"]["examples"]
        return next(iter(examples.values()))["value"]

    def credentials_of(self, route):
        return self.admin if self.document.operation(route).get("security") is None else {}

    def test_without_a_token_it_is_401(self):
        for route in self.routes_with(401):
            if self.document.operation(route).get("security") is None:
                self.expect(401, route[0].upper(), self.path_of(route), self.body_of(route), code="token-missing")

    def test_for_customers_it_is_403(self):
        _, user = self.register()
        for route in self.routes_with(403):
            if self.document.operation(route).get("security") is None:
                self.expect(403, route[0].upper(), self.path_of(route), self.body_of(route), user, "forbidden")

    def test_what_is_not_there_is_404(self):
        for route in self.routes_with(404):
            if "{" in route[1]:
                self.expect(404, route[0].upper(), self.path_of(route), self.body_of(route), self.credentials_of(route), "not-found")

    def test_bodies_that_are_no_json_are_400_413_and_415(self):
        for route in self.routes_with(413):
            method, path, own = route[0].upper(), self.path_of(route), self.credentials_of(route)
            self.expect(400, method, path, "{", own, "malformed-json", direct=True)
            self.expect(413, method, path, json.dumps({"x": "x" * 70_000}), own, "payload-too-large", direct=True)
            self.expect(415, method, path, "a=b", {**own, "Content-Type": "text/plain"}, "unsupported-media-type", direct=True)

    def test_bodies_and_queries_of_another_shape_are_400_and_422(self):
        for route in self.routes_with(422):
            method, path, own = route[0].upper(), self.path_of(route), self.credentials_of(route)
            if method == "GET":
                self.expect(400, method, f"{path}?cursor=no-cursor", headers=own, code="bad-cursor")
                self.expect(422, method, f"{path}?limit=0", headers=own, code="validation-failed")
            else:
                self.expect(422, method, path, {"noSuchMember": 1}, own)

    def test_too_many_requests_are_429(self):
        with temporary_folder() as folder:
            flags = ["--rate-limit-api", "1/1h", "--rate-limit-auth", "1/1h", "--rate-limit-auth-address", "1/1h"]
            shop = Shop(self.waybill, folder, flags, limits=True)
            try:
                client = Client(shop.port, self.record)
                client.send("GET", f"{V1}/products")
                client.send("POST", f"{V1}/auth/login", {"email": "a@example.com", "password": "wrong!"})
                for route in self.routes_with(429):
                    self.expect(429, route[0].upper(), self.path_of(route), self.body_of(route), code="rate-limited", client=client)
            finally:
                shop.stop()

    def test_when_the_store_is_away_it_is_503_and_in_doubt_504(self):
        store = Process([self.mongo_double], r"listening on (\S+)")
        with temporary_folder() as folder:
            env = {"MONGO_URI": store.said[1], "JWT_SECRET": "0123456789abcdef0123456789abcdef"}
            shop = Shop(self.waybill, folder, ["--mongo-server-selection-timeout", "500ms", "--request-deadline", "5s",
                                               "--store-threads", "32", "--hashing-threads", "4"], env)
            try:
                order, requests = self.prepare_outage(shop, Client(shop.port, self.record))
                arm_fault(store.said[1], {"command": "commitTransaction", "action": "error", "code": 50,
                                          "labels": ["UnknownTransactionCommitResult"], "times": 1_000_000})
                self.expect_everywhere(504, shop, requests)
                arm_fault(store.said[1], "clear")
                store.stop(kill=True)
                # An order that has ended is known without the store.
                requests = {r: (p.replace(order, "nothing"), b, h) for r, (p, b, h) in requests.items()}
                self.expect_everywhere(503, shop, requests)
            finally:
                shop.stop()
                store.stop()

    def prepare_outage(self, shop, client):
        """A request to each route that would succeed, or at least reach the store: (body, headers, path)."""
        admin = shop.make_admin(client)
        order = self.expect(201, "POST", f"{V1}/orders", ORDER, admin, client=client).json()["orderId"]
        account = {"email": "in-doubt@example.com", "password": "secret"}
        login = client.send("POST", f"{V1}/auth/register", account)
        requests = {}
        for route in self.document.routes():
            path = self.path_of(route).replace("/orders/nothing", f"/orders/{order}")
            path = path.replace("/inventory/nothing", f"/inventory/{MAT}")
            by_cookie = "refreshToken" in str(self.document.operation(route).get("security"))
            own = cookie(login) if by_cookie else self.credentials_of(route) and admin
            if route[1].endswith(("logout-all", "/me/password")):
                own = bearer(login)
            requests[route] = (path, self.body_of(route), own)
        client.send("POST", f"{V1}/auth/forgot-password", {"email": account["email"]})
        reset = {"token": shop.await_reset_token(), "password": "another secret"}
        requests["post", f"{V1}/auth/reset-password"] = (f"{V1}/auth/reset-password", reset, {})
        requests["post", f"{V1}/auth/login"] = (f"{V1}/auth/login", account, {})
        return order, requests

    def expect_everywhere(self, status, shop, requests):
        """At once, because each takes until its deadline."""
        found = {}

        def send(route):
            path, body, own = requests[route]
            client = Client(shop.port, self.record)
            found[route] = client.send(route[0].upper(), path, body, own)
            # The first order's batch had begun when its time ended; from then on the outage is known.
            if (status, found[route].status) == (503, 504):
                found[route] = client.send(route[0].upper(), path, body, own)

        threads = [threading.Thread(target=send, args=(route,)) for route in self.routes_with(status)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        others = [f"{route}: {a.status} {a.body[:200]}" for route, a in found.items() if a.status != status]
        self.assertFalse(others, "\n".join(others))

    # ---- the document's own examples

    def test_examples_are_accepted(self):
        """Every example of a body is sent; it must be valid by its own schema, and not refused for its shape."""
        for route in self.document.routes():
            content = self.document.operation(route).get("requestBody", {}).get("content", {})
            for media in content.values():
                for name, example in media["examples"].items():
                    self.assertTrue(self.document.is_valid(media["schema"], example["value"]), f"{route} {name}")
                    answer = self.send_example(route, example["value"])
                    refused = answer.status >= 400 and answer.code() not in EXAMPLE_ENDS
                    self.assertFalse(refused, f"{route} {name}: {answer.status} {answer.body[:200]}")

    def send_example(self, route, value, direct=False):
        own_account = route[1].endswith(("/me/password", "logout-all")) or "refreshToken" in str(self.document.operation(route))
        login, user = self.register() if own_account else (None, None)
        path = self.path_of(route).replace("/inventory/nothing", f"/inventory/{MAT}")
        if "/products/nothing" in path:  # other tests sell what is there
            made = self.client.send("POST", f"{V1}/products", {"name": "Example", "price": 1}, self.admin).json()
            path = path.replace("nothing", made["productId"])
        own = self.credentials_of(route)
        if route[1].endswith("/me/password") or "logout-all" in path:
            own = user
        if "refreshToken" in str(self.document.operation(route).get("security")):
            own = cookie(login)
        return self.client.send(route[0].upper(), path, json.dumps(value), own, direct=direct)

    # ---- the schemas of requests and the server's own rules

    def test_what_a_schema_refuses_the_server_refuses_and_nothing_else(self):
        """Each body of the document, changed at one place at a time. Not through the proxy, which loses a null."""
        disagreed = []
        sent = 0
        for route in self.document.routes():
            content = self.document.operation(route).get("requestBody", {}).get("content", {})
            if not content or "refreshToken" in str(self.document.operation(route).get("security")):
                continue
            schema = content["application/json"]["schema"]
            for body in variations(self.body_of(route)):
                sent += 1
                answer = self.send_example(route, body, direct=True)
                accepts = answer.status < 400 or answer.code() not in SHAPE_CODES
                if accepts != self.document.is_valid(schema, body):
                    disagreed.append(f"{route} {json.dumps(body)[:150]}: {answer.status} {answer.body[:150]}")
        self.assertGreater(sent, 150)
        self.assertFalse(disagreed, "\n".join(disagreed))

    def test_the_checks_see_a_wrong_answer(self):
        route = ("get", "/livez")
        good = [("Content-Type", "application/json"), ("X-Request-Id", "r")]
        self.assertEqual(list(self.document.violations(route, Answer(200, good, b'{"status":"ok"}'))), [])
        for status, headers, body in ((200, good, b'{"status":"no"}'), (200, good[:1], b'{"status":"ok"}'),
                                      (201, good, b'{"status":"ok"}'), (200, good, b'{"status":"ok","more":1}'),
                                      (200, [("Content-Type", "text/html"), good[1]], b""), (500, good, b"{}")):
            self.assertNotEqual(list(self.document.violations(route, Answer(status, headers, body))), [], (status, body))

    def test_response_examples_fit_their_schemas(self):
        for route in self.document.routes():
            for response in self.document.operation(route)["responses"].values():
                for media in self.document.resolve(response).get("content", {}).values():
                    for name, example in media.get("examples", {}).items():
                        self.assertTrue(self.document.is_valid(media["schema"], example["value"]), f"{route} {name}")


# What an example may meet that is well formed: the demo account may exist, the order of the path does not.
EXAMPLE_ENDS = {"email-taken", "invalid-credentials", "reset-invalid", "not-found"}


SHAPE_CODES = {"validation-failed", "unknown-field", "malformed-json"}


def variations(body):
    """`body` without each member, with another value for each, and with one too many."""
    for other in (None, [], "text", 7):
        yield other
    for path in paths_of(body):
        for change in (remove, *(set_to(value) for value in VALUES)):
            copy = json.loads(json.dumps(body))
            holder = copy
            for step in path[:-1]:
                holder = holder[step]
            change(holder, path[-1])
            yield copy
    yield {**body, "noSuchMember": 1}


VALUES = (None, True, "", "text", "x" * 65, "x" * 201, "x" * 4_001, "\x00", "two\nlines", "name@", 0, -1, 1, 2.0, 2.5, 0.001,
          10_001, 10**10 + 1, 10**12 + 1, 10**18 + 1, {}, [], [{}], {"a": 1})


def remove(holder, step):
    del holder[step]


def set_to(value):
    def change(holder, step):
        holder[step] = value
    return change


def paths_of(value, path=()):
    if path:
        yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from paths_of(inner, (*path, step))


def what_is_missing(record):
    wanted = {(route, status) for route in record.document.routes() for status in record.document.statuses(route)}
    return sorted(wanted - record.produced)


def main():
    sys.argv_of_test = sys.argv[1:5]
    result = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromTestCase(Suite))
    record = getattr(Suite, "record", None)
    if record is None:
        return 1
    for violation in record.violations[:40]:
        print("violation:", violation)
    missing = what_is_missing(record) if not sys.argv[5:] else []
    for (method, path), status in missing:
        print(f"never produced: {method.upper()} {path} {status}")
    print(f"{len(record.produced)} routes × statuses seen, {record.checked_by_proxy} answers checked by the proxy, "
          f"{len(record.violations)} violations, {len(missing)} of the document never produced")
    return 0 if result.wasSuccessful() and not record.violations and not missing else 1


if __name__ == "__main__":
    sys.exit(main())
