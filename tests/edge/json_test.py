#!/usr/bin/python3
"""The line between 400 and 422, numbers that are never rounded, and strings that come back as they were sent.

Use: json_test.py WAYBILL [WORD]...   only what holds a word in its name
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))
from checks import Checks
from corpora import json_forms, naughty_strings
from shop import JSON, Client, Shop, bearer, eventually, temporary_folder
from streams import Stream

BODY_BYTES_MAX = 65_536
PRODUCT = "67c8830b7ef1b848ac52ebec"

# What RFC 8259 allows and an order must not hold, in a place where any value may stand.
REFUSED_VALUES = {
    "i_number_huge_exp": "out-of-range",
    "i_number_neg_int_huge_exp": "out-of-range",
    "i_number_pos_double_huge_exp": "out-of-range",
    "i_number_real_neg_overflow": "out-of-range",
    "i_number_real_pos_overflow": "out-of-range",
    "i_object_key_lone_2nd_surrogate": "lone-surrogate",
    "i_string_1st_surrogate_but_2nd_missing": "lone-surrogate",
    "i_string_1st_valid_surrogate_2nd_invalid": "lone-surrogate",
    "i_string_incomplete_surrogate_and_escape_valid": "lone-surrogate",
    "i_string_incomplete_surrogate_pair": "lone-surrogate",
    "i_string_incomplete_surrogates_escape_valid": "lone-surrogate",
    "i_string_invalid_lonely_surrogate": "lone-surrogate",
    "i_string_invalid_surrogate": "lone-surrogate",
    "i_string_inverted_surrogates_U+1D11E": "lone-surrogate",
    "i_string_lone_second_surrogate": "lone-surrogate",
    "i_structure_500_nested_arrays": "too-deep",
    "y_object_duplicated_key": "duplicate-name",
    "y_object_duplicated_key_and_value": "duplicate-name",
}
# Underflow and large integers are numbers like others where nobody computes with them.
TAKEN_VALUES = ["i_number_double_huge_neg_exp", "i_number_real_underflow", "i_number_too_big_neg_int", "i_number_too_big_pos_int",
                "i_number_very_big_negative_int"]

NUMBERS = [  # (text, quantity: its status, price: its status, what the price is read as)
    ("1", 201, 201, "1.00"), ("1.0", 201, 201, "1.00"), ("1e2", 201, 201, "100.00"), ("1E+2", 201, 201, "100.00"),
    ("100e-2", 201, 201, "1.00"), ("1.5", 422, 201, "1.50"), ("1499.50", 422, 201, "1499.50"),
    ("1499.5", 422, 201, "1499.50"), ("149950e-2", 422, 201, "1499.50"), ("1499.505", 422, 422, None),
    ("0.1", 422, 201, "0.10"), ("0.001", 422, 422, None), ("0.10000000000000000001", 422, 422, None),
    ("1.000000000000000000000", 201, 201, "1.00"), ("1.0000000000000000000001", 422, 422, None),
    ("0", 422, 201, "0.00"), ("-0", 422, 201, "0.00"), ("-0.0", 422, 201, "0.00"), ("0e10", 422, 201, "0.00"),
    ("-1", 422, 422, None), ("10000", 201, 201, "10000.00"), ("10001", 422, 201, "10001.00"),
    ("8999999999999.99", 422, 422, None), ("9007199254740993", 422, 422, None), ("10000000000", 422, 201, "10000000000.00"),
    ("10000000000.01", 422, 422, None), ("9999999999.99", 422, 201, "9999999999.99"),
    ("9223372036854775807", 422, 422, None), ("9223372036854775808", 422, 422, None), ("12345678901234567890", 422, 422, None),
    ("18446744073709551617", 422, 422, None), ("1e400", 422, 422, None), ("1e-400", 422, 422, None),
    ("01", 400, 400, None), ("+1", 400, 400, None), ("1.", 400, 400, None), (".5", 400, 400, None), ("0x1", 400, 400, None),
    ("1_0", 400, 400, None), ("NaN", 400, 400, None), ("-Infinity", 400, 400, None), ("1,5", 400, 400, None),
    ("'1'", 400, 400, None), ("１", 400, 400, None), ('"1"', 422, 422, None), ("[1]", 422, 422, None), ("null", 422, 422, None),
    ("true", 422, 422, None), ('{"$numberLong":"1"}', 422, 422, None),
]

OWN_STRINGS = ["", " ", "\0", "a\0b", "\x01\x1f\x7f", "\t\r\n", "\"\\/", "\u0080\u009f", "\u00a0", "\u200b\u200e\u202e\ufeff", "\u2028\u2029",
               "\ufffd\uffff\U0010ffff", "e\u0301 \u00e9", "\u1100\u1161\u11a8", "👩‍👩‍👧‍👦🏳️‍🌈", "שלום مرحبا", "ab", "%00%0a",
               "<b>&amp;</b>", "' OR 1=1 --", "{{7*7}} ${7*7}", "\r\nBcc: a@b.example", "=cmd|' /C calc'!A0"]


class Customer:
    """Sends bodies as they are, on one connection."""

    def __init__(self, port, auth):
        self._stream = Stream(port)
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in {**JSON, **auth}.items())

    def send(self, method, path, body=b""):
        head = f"{method} {path} HTTP/1.1\r\nHost: a\r\n{self._headers}Content-Length: {len(body)}\r\n\r\n"
        self._stream.send(head.encode() + body)
        status, headers, content = self._stream.read_answer()
        return status, json.loads(content) if content else None

    def order(self, body):
        return self.send("POST", "/api/v1/orders", body)


def verdict(answer):
    """Status, code, and the codes of the problems."""
    status, body = answer
    return status, body.get("code"), sorted({problem["code"] for problem in body.get("errors", [])})


def with_value(octets):
    return b'{"items":[{"productId":"' + PRODUCT.encode() + b'","quantity":1,"name":' + octets + b"}]}"


def test_corpus(port, auth, checks):
    """Every form as a whole body, and what is JSON as a value that nobody reads."""
    customer = Customer(port, auth)
    for name, octets in json_forms():
        if not checks.wants(name):
            continue
        if len(octets) > BODY_BYTES_MAX:
            checks.equal(f"{name}: too large", verdict(Customer(port, auth).order(octets))[:2], (413, "payload-too-large"))
            continue
        is_json = name.startswith("y_") or name in REFUSED_VALUES or name in TAKEN_VALUES
        status, code, problems = verdict(customer.order(octets))
        checks.equal(f"{name}: as a body", (status, code == "malformed-json"), (422, False) if is_json else (400, True))
        if not is_json:
            continue
        status, code, problems = verdict(customer.order(with_value(octets)))
        refusal = REFUSED_VALUES.get(name)
        expected = (422, "validation-failed", [refusal]) if refusal else (201, None, [])
        checks.equal(f"{name}: as a value", (status, code, problems), expected)


def test_numbers(port, auth, admin, checks):
    """Read from their text: exactly, or refused."""
    customer, keeper = Customer(port, auth), Customer(port, admin)
    for text, quantity_status, price_status, price in NUMBERS:
        line = b'{"items":[{"productId":"%s","quantity":%s}]}' % (PRODUCT.encode(), text.encode())
        checks.equal(f"quantity {text}", customer.order(line)[0], quantity_status)
        status, made = keeper.send("POST", "/api/v1/products", b'{"name":"n","price":%s}' % text.encode())
        checks.equal(f"price {text}", status, price_status)
        if price is not None:
            with Stream(port) as stream:
                stream.send(f"GET /api/v1/products/{made.get('productId')} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                body = stream.read_answer()[2].decode()
            checks.equal(f"price {text} is read as {price}", f'"price":{price},' in body, True)


def is_control(character):
    return ord(character) < 0x20 or 0x7f <= ord(character) < 0xa0


def test_strings(port, auth, admin, checks):
    """As they were sent, in every place that keeps text; a name holds no control characters."""
    customer, keeper = Customer(port, auth), Customer(port, admin)
    for text in naughty_strings() + OWN_STRINGS:
        name = ascii(text)[:60]
        if not checks.wants(name):
            continue
        for escaped in (True, False):
            wire = lambda value: json.dumps(value, ensure_ascii=escaped).encode()
            label = f"{name} {'escaped' if escaped else 'plain'}"
            status, made = keeper.send("POST", "/api/v1/products", wire({"name": "n", "description": text, "price": 1}))
            checks.equal(f"description {label}", (status, made.get("description")), (201, text))
            status, made = keeper.send("PATCH", f"/api/v1/products/{made.get('productId')}", wire({"name": text}))
            good = 1 <= len(text) <= 200 and not any(map(is_control, text))
            checks.equal(f"name {label}", (status, made.get("name")), (200, text) if good else (422, None))
        status, read = keeper.send("GET", "/api/v1/products?limit=1")
        checks.equal(f"list {name}", status, 200)
        body = json.dumps({"delta": 1, "reason": text}).encode()
        checks.equal(f"reason {name}", keeper.send("POST", f"/api/v1/inventory/{PRODUCT}/bangalore/adjust", body)[0] in (200, 422), True)
        for place in ({"location": text}, {"items": [{"productId": text, "quantity": 1}]}):
            body = json.dumps({"items": [{"productId": PRODUCT, "quantity": 1}], **place}).encode()
            status, answer = customer.order(body)
            checks.equal(f"{next(iter(place))} {name}", (status, answer["code"] in ("validation-failed", "unknown-location", "unknown-product")),
                         (422, True))


def test_strings_of_orders(port, auth, admin, checks):
    """A product's name in the order, its list and its timeline."""
    customer, keeper = Customer(port, auth), Customer(port, admin)
    for text in [text for text in OWN_STRINGS if text and not any(map(is_control, text))]:
        status, product = keeper.send("POST", "/api/v1/products", json.dumps({"name": text, "price": 1}).encode())
        checks.equal(f"product {ascii(text)}", status, 201)
        keeper.send("PUT", f"/api/v1/inventory/{product['productId']}/bangalore", b'{"available":5}')
        status, order = customer.order(json.dumps({"items": [{"productId": product["productId"], "quantity": 1}], "location": "bangalore"}).encode())
        checks.equal(f"order of {ascii(text)}", (status, order["items"][0]["name"]), (201, text))
        found = eventually(lambda: customer.send("GET", f"/api/v1/orders/{order['orderId']}")[1], "the order")
        checks.equal(f"read of {ascii(text)}", found["items"][0]["name"], text)
        listed = customer.send("GET", "/api/v1/orders?limit=1")[1]["data"][0]
        checks.equal(f"list of {ascii(text)}", listed["items"][0]["name"], text)


def test_strings_of_accounts(port, checks):
    """A person's name is what he says, and a password any text, octet for octet."""
    visitor = Customer(port, {})
    for at, text in enumerate(OWN_STRINGS):
        name, password = "" if any(map(is_control, text)) else text, text + "123456"
        account = {"email": f"text{at}@example.com", "password": password}
        status, made = visitor.send("POST", "/api/v1/auth/register", json.dumps({**account, "name": name}).encode())
        checks.equal(f"account of {ascii(text)}", (status, made.get("user", {}).get("name")), (201, name))
        checks.equal(f"login of {ascii(text)}", visitor.send("POST", "/api/v1/auth/login", json.dumps(account).encode())[0], 200)
        other = {**account, "password": text[:-1] + "123456"} if text else {**account, "password": "\0123456"}
        checks.equal(f"login of less than {ascii(text)}", visitor.send("POST", "/api/v1/auth/login", json.dumps(other).encode())[0], 401)


def main():
    checks = Checks(sys.argv[2:])
    with temporary_folder() as folder:
        shop = Shop(sys.argv[1], folder)
        customer = Client(shop.port)
        auth = bearer(customer.send("POST", "/api/v1/auth/register", email="json@example.com", password="secret"))
        admin = shop.make_admin(customer)
        test_corpus(shop.port, auth, checks)
        test_numbers(shop.port, auth, admin, checks)
        test_strings(shop.port, auth, admin, checks)
        test_strings_of_orders(shop.port, auth, admin, checks)
        test_strings_of_accounts(shop.port, checks)
        checks.equal("still ready", customer.send("GET", "/readyz").status, 200)
        shop.stop()
    return checks.report("json edge")


if __name__ == "__main__":
    sys.exit(main())
