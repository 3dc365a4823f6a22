"""Who the requests of schemathesis come from: somebody new for whatever changes or removes an account, and one user for all
that only reads."""

import json
import os
import secrets
import urllib.request

import schemathesis

REST = os.environ["MESSENGER_REST"]
PASSWORD = "purple-anchor-71"


def post(path, body):
    request = urllib.request.Request(REST + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def somebody():
    email = f"suite.{secrets.token_hex(8)}@example.com"
    post("/auth/sign-up", {"email": email, "password": PASSWORD, "firstName": "Suite"})
    return post("/auth/login", {"email": email, "password": PASSWORD})["token"]


READER = somebody()


@schemathesis.auth(refresh_interval=None)
class Token:
    def get(self, case, context):
        return READER if case.operation.path.startswith("/users") else somebody()

    def set(self, case, data, context):
        case.headers = case.headers or {}
        case.headers["Authorization"] = f"Bearer {data}"
