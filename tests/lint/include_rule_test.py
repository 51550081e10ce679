"""The include rule by example, and that a broken tree is found."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import include_rule

ALLOWED = (
    ("apps/hello/main.cpp", "node/main.hpp"),
    ("apps/auction/main.cpp", "apps/auction/web/app.hpp"),
    ("apps/auction/settings.cpp", "server/settings.hpp"),
    ("apps/auction/web/app.cpp", "server/app.hpp"),
    ("apps/auction/web/app.cpp", "server/http/message.hpp"),
    ("apps/auction/web/app.cpp", "apps/auction/store/repository.hpp"),
    ("node/node.cpp", "cluster/member.hpp"),
    ("node/node.cpp", "server/processor.hpp"),
    ("cluster/peer.cpp", "server/tls/session_state.hpp"),
    ("server/processor.cpp", "admission/gate.hpp"),
    ("admission/gate.cpp", "base/clock.hpp"),
    ("tools/replay.cpp", "admission/gate.hpp"),
    ("tests/unit/server/a_test.cpp", "server/http/strict.hpp"),
)
REFUSED = (
    ("apps/hello/main.cpp", "apps/auction/web/app.hpp"),
    ("apps/hello/main.cpp", "server/processor.hpp"),
    ("apps/auction/web/app.cpp", "server/tls/stream.hpp"),
    ("apps/auction/web/app.cpp", "node/main.hpp"),
    ("apps/auction/web/app.cpp", "server/settings.hpp"),
    ("apps/auction/web/app.cpp", "apps/hello/hello.hpp"),
    ("cluster/peer.cpp", "server/processor.hpp"),
    ("server/processor.cpp", "cluster/member.hpp"),
    ("server/processor.cpp", "apps/auction/web/app.hpp"),
    ("server/processor.cpp", "node/main.hpp"),
    ("admission/gate.cpp", "server/app.hpp"),
    ("base/bytes.cpp", "server/app.hpp"),
    ("loadgen/pacer.cpp", "server/http/message.hpp"),
    ("server/processor.cpp", "tests/unit/fake.hpp"),
)


class IncludeRule(unittest.TestCase):
    def test_allows_what_the_table_allows(self):
        for file, header in ALLOWED:
            with self.subTest(file=file, header=header):
                self.assertIsNone(include_rule.verdict(file, '"', header, True))

    def test_refuses_arrows_that_point_back(self):
        for file, header in REFUSED:
            with self.subTest(file=file, header=header):
                self.assertIsNotNone(include_rule.verdict(file, '"', header, True))

    def test_keeps_libraries_out_of_the_rooms_that_only_decide(self):
        self.assertIsNotNone(include_rule.verdict("admission/gate.cpp", "<", "openssl/ssl.h", False))
        self.assertIsNotNone(include_rule.verdict("base/bytes.hpp", "<", "boost/asio/buffer.hpp", False))
        self.assertIsNone(include_rule.verdict("base/bytes.hpp", "<", "boost/system/result.hpp", False))
        self.assertIsNone(include_rule.verdict("server/tls/stream.hpp", "<", "openssl/ssl.h", False))

    def test_wants_paths_from_the_root_in_quotes(self):
        self.assertIsNotNone(include_rule.verdict("server/a.cpp", '"', "a.hpp", False))
        self.assertIsNotNone(include_rule.verdict("server/a.cpp", "<", "server/a.hpp", True))
        self.assertIsNotNone(include_rule.verdict("server/a.cpp", '"', "server/missing.hpp", False))
        self.assertIsNone(include_rule.verdict("apps/auction/web/a.cpp", '"', "embedded/web.hpp", False))

    def test_finds_the_offending_line_of_a_broken_tree(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for room in ("base", "server"):
                (root / room).mkdir()
            (root / "base/good.hpp").write_text("#pragma once\n")
            (root / "server/server.hpp").write_text('#include "base/good.hpp"\n')
            (root / "base/bad.cpp").write_text('#include <string>\n#include "server/server.hpp"\n')
            run = subprocess.run(
                [sys.executable, include_rule.__file__, folder], capture_output=True, text=True
            )
            self.assertEqual(run.returncode, 1)
            self.assertEqual(len(run.stdout.splitlines()), 1, run.stdout)
            self.assertTrue(run.stdout.startswith('base/bad.cpp:2: #include "server/server.hpp"'), run.stdout)


if __name__ == "__main__":
    unittest.main()
