import tempfile
import unittest
from pathlib import Path

import secret_scan

TOKEN = "b3BhcXVlLXJlZnJlc2gtdG9rZW4tb2YtdGhlLXRlc3Q"


class SecretScan(unittest.TestCase):
    def scan(self, line, secrets=(TOKEN, "hush-hush")):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "1.secrets").write_text("".join(secret + "\n" for secret in secrets))
            (Path(folder) / "1-1-server.log").write_text(line + "\n")
            return secret_scan.scan(Path(folder))

    def test_finds_a_secret_wherever_it_stands_in_a_line(self):
        for line in (TOKEN, f'{{"cookie":"{TOKEN}"}}', f"x{TOKEN}y", f"cut {TOKEN[:20]}", f"end {TOKEN[-18:]}",
                     "password hush-hush", '"hush-hush"', "p=hush-hush;"):
            self.assertEqual(self.scan(line), 1, line)

    def test_finds_what_looks_like_one(self):
        for line in ("eyJhbGciOiJIUzI1NiJ9.x.y", "Authorization: Bearer abc", "$argon2id$v=19$m=8", "$2b$10$abc",
                     "Cookie: refreshToken=abc"):
            self.assertEqual(self.scan(line), 1, line)

    def test_a_word_counts_where_a_value_stands(self):
        for line in ('{"password":"secret"}', "password=secret", "password: secret", "p='secret'"):
            self.assertEqual(self.scan(line, ["secret"]), 1, line)
        for line in ("the secret was made", "secret_path=/tmp", "ok    secret   /tmp/data/secret"):
            self.assertEqual(self.scan(line, ["secret"]), 0, line)

    def test_lets_other_lines_be(self):
        for line in ("serving url=http://127.0.0.1:1", "request_id=0193d1c8000070008000000000000001", "hush-hush-hush"):
            self.assertEqual(self.scan(line), 0, line)

    def test_logs_without_secrets_and_secrets_without_logs_are_a_failure(self):
        self.assertEqual(self.scan("serving", secrets=()), 1)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "1.secrets").write_text(TOKEN + "\n")
            self.assertEqual(secret_scan.scan(Path(folder)), 1)

    def test_without_a_test_that_logs_there_is_nothing_to_say(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(secret_scan.scan(Path(folder)), 77)

    def test_the_whole_suite_cannot_have_logged_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(secret_scan.scan(Path(folder), whole_suite=True), 1)


if __name__ == "__main__":
    unittest.main()
