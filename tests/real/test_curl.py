"""What the demonstration prints is pasted into a shell, and works."""

from __future__ import annotations

import subprocess
import unittest

from harness import MATRIX, ROOT, demo, expected

STATUS_ONLY = "curl -o /dev/null -w '%{http_code}' "


class PastedLines(unittest.TestCase):
    def test_each_line_does_what_its_comment_says(self) -> None:
        lines: list[str] = demo().screen["curl"]
        self.assertGreaterEqual(len(lines), 9)
        for line in lines:
            with self.subTest(line):
                self.assertTrue(line.startswith("curl "))
                comment = line.rpartition("#")[2]
                script = line.replace("curl ", STATUS_ONLY, 1)
                done = subprocess.run(
                    ["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
                )
                self.assertEqual(done.stdout, "403" if "refused" in comment else "200", done.stderr)

    def test_the_printed_matrix_is_the_promised_one(self) -> None:
        cells = {(cell["consumer"], cell["route"]): cell["status"] for cell in demo().screen["cells"]}
        self.assertEqual({pair: expected(*pair) for pair in cells}, cells)
        self.assertEqual(len(cells), 3 * len(MATRIX))
