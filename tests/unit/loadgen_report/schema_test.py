"""Checks result.schema.json against real output of the writer: it accepts that, and refuses what differs.

usage: schema_test.py PROGRAM    PROGRAM FOLDER writes sample results
"""
import copy
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import jsonschema

SCHEMA = pathlib.Path(__file__).resolve().parents[3] / "loadgen/report/result.schema.json"
PROGRAM = sys.argv.pop()
# Left out when there is nothing to say; all other members have to be there.
OPTIONAL = {"limits", "server", "actual", "refused", "abandoned", "time_to_refusal", "duration", "resumption", "latency",
            "lag", "attacks", "states", "complete"}
# Objects whose members are names out of a list, each left out when it is zero.
TABLES = {"figures", "refused", "abandoned", "connect", "handshake", "first_byte", "body", "time_to_refusal", "resumption",
          "tls_1_2", "tls_1_3", "offered", "accepted", "declined", "latency", "attacks", "values", "totals"}


def objects(value, name="", path=()):
    """Every object below `value`: (the name it goes by, its path)."""
    if isinstance(value, dict):
        yield name, path
        for key, inner in value.items():
            yield from objects(inner, key, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:1]):
            yield from objects(inner, name + "[]", (*path, index))


def is_histogram(value):
    return isinstance(value, dict) and "buckets" in value


def at(document, path):
    for step in path:
        document = document[step]
    return document


def shorten(value):
    """One element of each array is enough to change things in."""
    if isinstance(value, list):
        del value[1:]
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if not isinstance(inner, list) or not all(isinstance(number, int) for number in inner):
            shorten(inner)


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        schema = json.loads(SCHEMA.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        cls.validator = jsonschema.Draft202012Validator(schema)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([PROGRAM, folder], check=True)
            cls.samples = {file.stem: json.loads(file.read_text()) for file in pathlib.Path(folder).glob("*.json")}

    def setUp(self):
        self.document = copy.deepcopy(self.samples["sessions"])
        shorten(self.document)

    def test_accepts_what_is_written(self):
        self.assertIn("handshakes", self.samples)
        for name, sample in self.samples.items():
            with self.subTest(name):
                self.assertEqual([error.message for error in self.validator.iter_errors(sample)], [])

    def test_refuses_a_member_it_does_not_know(self):
        paths = list(objects(self.document))
        self.assertGreater(len(paths), 40)
        for _, path in paths:
            with self.subTest(path):
                at(self.document, path)["surprise"] = "x"
                self.assertFalse(self.validator.is_valid(self.document))
                del at(self.document, path)["surprise"]

    def test_refuses_a_result_without_one_of_its_members(self):
        removed = 0
        for name, path in list(objects(self.document)):
            members = at(self.document, path)
            if name in TABLES and not is_histogram(members):
                continue
            for key in set(members) - OPTIONAL:
                with self.subTest((*path, key)):
                    value = members.pop(key)
                    self.assertFalse(self.validator.is_valid(self.document))
                    members[key] = value
                    removed += 1
        self.assertGreater(removed, 150)

    def test_refuses_wrong_types(self):
        for path, value in ((("window", "sessions", "started"), -1), (("window", "sessions", "started"), 1.5),
                            (("window", "latency", "complete", "buckets"), [[1, 2, 3]]), (("setup", "mode"), "x"),
                            (("verdict", "kind"), "fine"), (("schema",), "sluice-load/result/2")):
            with self.subTest((path, value)):
                document = copy.deepcopy(self.document)
                at(document, path[:-1])[path[-1]] = value
                self.assertFalse(self.validator.is_valid(document))

    def test_says_what_everything_is(self):
        """Every number has a description, so that a reader knows its unit."""
        def numbers(schema, path):
            if not isinstance(schema, dict):
                return
            for key, inner in schema.get("properties", {}).items():
                if inner.get("type") in ("number", "integer") or inner.get("$ref", "").endswith("/count"):
                    self.assertIn("description", inner, (*path, key))
                numbers(inner, (*path, key))
        schema = json.loads(SCHEMA.read_text())
        numbers(schema, ())
        for name, definition in schema["$defs"].items():
            numbers(definition, (name,))


if __name__ == "__main__":
    unittest.main()
