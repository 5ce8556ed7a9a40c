"""The API's document, and what it says of an answer.

Validates with JSON Schema 2020-12 (python3-jsonschema), independently of the server and of the proxy.
"""
import json
import re

import jsonschema

METHODS = {"get", "put", "post", "delete", "patch"}


def _matches(validator, pattern, instance, schema):
    """ECMAScript's `$` is the end of the text; Python's is also before a last line feed."""
    if isinstance(instance, str) and not re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": _matches})

FORMATS = jsonschema.FormatChecker(formats=())


@FORMATS.checks("date-time")
def _is_time(text):
    return not isinstance(text, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text) is not None


class Document:
    def __init__(self, text):
        self.root = json.loads(text)
        self._resolver = jsonschema.RefResolver.from_schema(self.root)
        self._routes = []
        for template, item in self.root["paths"].items():
            pattern = re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template)))
            for method in METHODS & item.keys():
                self._routes.append((method, template, pattern))

    def resolve(self, node):
        while "$ref" in node:
            node = self._resolver.resolve(node["$ref"])[1]
        return node

    def routes(self):
        """(method, path template), each operation once."""
        return sorted((method, template) for method, template, _ in self._routes)

    def operation(self, route):
        method, template = route
        return self.root["paths"][template][method]

    def parameters(self, route):
        shared = self.root["paths"][route[1]].get("parameters", [])
        return [self.resolve(p) for p in shared + self.operation(route).get("parameters", [])]

    def find(self, method, path):
        """The route of a request, or None. A template without parameters wins."""
        path = re.sub(r"^/api/(?!v1(/|$))", "/api/v1/", path.split("?")[0])
        found = [r for r in self._routes if r[0] == method.lower() and r[2].fullmatch(path)]
        found.sort(key=lambda route: route[1].count("{"))
        return found[0][:2] if found else None

    def statuses(self, route):
        return [int(s) for s in self.operation(route)["responses"] if s != "default"]

    def is_valid(self, schema, value):
        return Validator(schema, resolver=self._resolver, format_checker=FORMATS).is_valid(value)

    def _violations(self, schema, value, where):
        for error in Validator(schema, resolver=self._resolver, format_checker=FORMATS).iter_errors(value):
            yield f"{where}/{'/'.join(map(str, error.absolute_path))}: {error.message}"

    def violations(self, route, answer):
        """What the document forbids about an answer, as sentences."""
        responses = self.operation(route)["responses"]
        response = self.resolve(responses.get(str(answer.status), responses.get("default")))
        if str(answer.status) not in responses and answer.status < 400:
            yield f"status {answer.status} is not described"
            return
        for name, header in response.get("headers", {}).items():
            yield from self._header_violations(name, self.resolve(header), answer)
        content = response.get("content", {})
        kind = (answer.header("content-type") or "").split(";")[0].strip()
        if not content:
            if answer.body:
                yield f"a body where none is described: {answer.body[:60]!r}"
        elif kind not in content:
            yield f"content type {kind!r} is not described"
        elif kind.endswith("json"):
            yield from self._violations(content[kind]["schema"], json.loads(answer.body), "body")

    def _header_violations(self, name, header, answer):
        text = answer.header(name)
        if text is None:
            if header.get("required"):
                yield f"header {name} is missing"
            return
        schema = header["schema"]
        value = int(text) if schema.get("type") == "integer" and text.isdigit() else text
        yield from self._violations(schema, value, f"header {name}")
