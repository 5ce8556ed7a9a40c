"""Each rule of tidy.py catches a breach and lets good code pass."""
import tempfile
import unittest
from pathlib import Path

import security
import tidy

HEAD = "// What it is for.\n#pragma once\n"


def breaches(path, text):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "src").mkdir()
        (root / "tests").mkdir()
        file = root / "src" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return list(tidy.check_tree(root))


class Rules(unittest.TestCase):
    def refuses(self, path, text, words):
        found = breaches(path, text)
        self.assertTrue(any(words in breach for breach in found), f"{words!r} not in {found}")

    def accepts(self, path, text):
        self.assertEqual(breaches(path, text), [])

    def test_rooms_see_only_inwards(self):
        self.refuses("domain/a.cpp", '#include "ports/clock.hpp"\n', "domain must not see ports")
        self.refuses("worker/a.cpp", '#include "http/server.hpp"\n', "worker must not see http")
        self.refuses("adapters/local/a.cpp", '#include "app/auth.hpp"\n', "must not see app")
        self.refuses("cli/a.cpp", '#include "adapters/sqlite/connection.hpp"\n', "shows one header")
        self.refuses("app/a.cpp", '#include "auth.hpp"\n', "rooted")
        self.accepts("cli/a.cpp", '#include "adapters/sqlite/sqlite.hpp"\n')
        self.accepts("adapters/sqlite/a.cpp", '#include "adapters/sqlite/connection.hpp"\n#include "domain/order.hpp"\n')

    def test_the_readme_shows_the_figures_of_their_source(self):
        shown = "<!-- reliability: {} -->\n| what | found |\n|---|---|\n| lost | {} |\n<!-- end of reliability -->\n"
        source = "# R\n\n## Figures\n\n| what | goal | found |\n|---|---|---|\n| lost | 0 | 0 in 512 kills and 787 faults; so far |\n"
        for figure, words in (("0 in 512 kills", None), ("0 in 5", "but RELIABILITY.md says"), ("0 in 17 kills", "but RELIABILITY.md says")):
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                (root / "docs").mkdir()
                (root / "docs" / "RELIABILITY.md").write_text(source)
                (root / "README.md").write_text(shown.format("from there", figure))
                found = list(tidy.check_figures(root))
                self.assertEqual([words in breach for breach in found], [] if words is None else [True], found)
                (root / "README.md").write_text("nothing")
                self.assertEqual(len(list(tidy.check_figures(root))), 1)

    def test_a_mutant_is_a_small_block(self):
        begin, end = "#ifdef WAYBILL_MUTANT_NO_FENCING\n", "#endif\n"
        self.refuses("app/a.cpp", "#if defined(WAYBILL_MUTANT_NO_FENCING)\n" + end, "nothing else")
        self.refuses("app/a.cpp", "int a = WAYBILL_MUTANT_NO_FENCING;\n", "nothing else")
        self.refuses("app/a.cpp", begin + "int a;\n" * 20 + end, "a mutant of")
        self.refuses("app/a.cpp", begin + begin + end + end, "inside another")
        self.accepts("app/a.cpp", begin + "int a;\n" + end)

    def test_banned_calls(self):
        self.refuses("app/a.cpp", "auto t = std::chrono::steady_clock::now();\n", "Clock port")
        self.refuses("app/a.cpp", "std::this_thread::sleep_for(x);\n", "condition")
        self.refuses("app/a.cpp", 'auto x = getenv("A");\n', "src/cli/config")
        self.refuses("worker/a.cpp", "co_await f();\n", "src/http")
        self.refuses("http/a.cpp", "switch (co_await f(x)) {}\n", "name the result")
        self.refuses("app/a.cpp", "class OrderManager;\n", "what it does")
        self.refuses("app/a.cpp", "using namespace std;\n", "name what is used")
        self.accepts("adapters/local/a.cpp", "auto t = std::chrono::steady_clock::now();\n")
        self.accepts("app/a.cpp", "// getenv( is not for us\nauto s = \"co_await x\";\n")

    def test_a_function_has_seventy_lines_at_most(self):
        body = "    work();\n"
        self.accepts("app/a.cpp", "void f() {\n" + body * 68 + "}\n")
        self.refuses("app/a.cpp", "void f() {\n" + body * 69 + "}\n", "a function of 71 lines")
        self.refuses("app/a.cpp", "struct A {\n    void f() const {\n" + body * 69 + "    }\n};\n", "a function of 71 lines")
        self.accepts("app/a.cpp", "namespace a {\n" + "void f() {}\n" * 100 + "}\n")
        self.accepts("app/a.cpp", "const int table[] = {\n" + "    1,\n" * 100 + "};\n")

    def test_a_file_has_six_hundred_lines_at_most(self):
        self.accepts("app/a.cpp", "int x;\n" * 600)
        self.refuses("app/a.cpp", "int x;\n" * 601, "601 lines")

    def test_the_name_of_a_test_is_its_rule(self):
        self.accepts("../tests/a.cpp", "TEST(Cart, holds_100_lines) {}\n")
        self.refuses("../tests/a.cpp", "TEST_F(Cart, HoldsLines) {}\n", "in small_letters")

    def test_a_header_says_what_it_is_for(self):
        self.accepts("app/a.hpp", HEAD)
        self.refuses("app/a.hpp", "#pragma once\n", "what it is for")


class SecurityTable(unittest.TestCase):
    @staticmethod
    def table(**changed):
        rows = {identity: (identity, "so", "`A.b`") for identity in security.requirements()} | changed
        return "\n".join("| " + " | ".join(row) + " |" for row in rows.values())

    def refuses(self, document, breach):
        self.assertEqual(list(security.check(document, {"A.b"})), [breach])

    def test_every_requirement_is_there_once_with_tests_that_exist(self):
        self.assertEqual(len(list(security.requirements())), 253)
        self.assertEqual(list(security.check(self.table(), {"A.b"})), [])
        self.assertEqual(list(security.check(self.table(**{"1.1.1": ("1.1.1", "why not")}), {"A.b"})), [])
        self.refuses(self.table(**{"1.1.1": ("1.1.1", "so", "`A.c`")}), "1.1.1: there is no test A.c")
        self.refuses(self.table(**{"1.1.1": ("1.1.1", "so", "")}), "1.1.1: names no test")
        self.refuses(self.table(**{"1.1.1": ("1.1.1", "", "`A.b`")}), "1.1.1: says not how")
        self.refuses(self.table(**{"1.1.1": ("1.1.2", "so", "`A.b`")}).replace("| 1.1.2 | so | `A.b` |\n", "", 1), "1.1.1 is missing")
        self.refuses(self.table(x=("1.2.10", "so", "`A.b`")), "1.2.10 is no requirement of level 1 or 2")


if __name__ == "__main__":
    unittest.main()
