"""Logs schemathesis in: as an administrator whose sessions may be ended at any moment, by its own requests."""
import http.client
import itertools
import json
import os
import threading

import schemathesis

PORT = int(os.environ["WAYBILL_PORT"])
ADMIN = {"email": os.environ["WAYBILL_ADMIN"], "password": os.environ["WAYBILL_PASSWORD"]}
OWN_REQUESTS = os.environ["WAYBILL_OWN_REQUESTS"]  # a file with one byte for each: they are not the test's
# Sent by these, a token would end for the requests of the other threads too.
ENDING = ("/auth/logout-all", "/me/password")

_lock = threading.Lock()
_numbers = itertools.count()
_token = None


def _post(path, body):
    with open(OWN_REQUESTS, "ab") as own:
        own.write(b".")
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return json.loads(answer.read())["accessToken"]
    finally:
        connection.close()


def _own_token():
    with _lock:
        number = next(_numbers)
    return _post("/api/v1/auth/register", {"email": f"fuzz-{number}@example.com", "password": "secret"})


@schemathesis.auth(refresh_interval=None)
class Login:
    def get(self, case, context):
        global _token
        if case.operation.path.endswith(ENDING):
            return _own_token()
        with _lock:
            if _token is None:
                _token = _post("/api/v1/auth/login", ADMIN)
            return _token

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def after_call(context, case, response):
    global _token
    if response.status_code != 401:
        return
    sent = response.request.headers.get("Authorization", "")
    with _lock:
        if sent == f"Bearer {_token}":
            _token = None
