"""What the fixed package must do: what it did before, and what the issue asks for."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from durations import parse, render, report, totals


class BeforeAndAfter(unittest.TestCase):
    def test_units(self):
        self.assertEqual([parse(text) for text in ("45s", "2m", "1h", "1d")], [45, 120, 3600, 86400])

    def test_several_units(self):
        self.assertEqual([parse(text) for text in ("1h 30m", "1h30m", "2d 1s")], [5400, 5400, 172801])

    def test_render(self):
        self.assertEqual([render(seconds) for seconds in (59, 60, 5400, 86401)], ["59s", "1m", "1h 30m", "1d 1s"])

    def test_totals_in_order(self):
        self.assertEqual(list(totals("b 1h\na 2m\nb 1s\n").items()), [("b", 3601), ("a", 120)])

    def test_what_was_no_duration(self):
        for text in ("", "soon", "90"):
            with self.subTest(text), self.assertRaises(ValueError):
                parse(text)


class Issue(unittest.TestCase):
    def test_decimal_numbers(self):
        self.assertEqual([parse(text) for text in ("1.5h", "0.5m", "1.25h 30s")], [5400, 30, 4530])

    def test_seconds_are_whole(self):
        self.assertIsInstance(parse("1.5h"), int)

    def test_rubbish_beside_a_duration(self):
        for text in ("2h nonsense", "about 2h", "1.5.2h", "2h,"):
            with self.subTest(text), self.assertRaises(ValueError):
                parse(text)

    def test_space_around_it(self):
        self.assertEqual(parse("  1h \n"), 3600)

    def test_no_time(self):
        self.assertEqual(render(0), "0s")
        self.assertEqual(report("website 0m\n"), "website: 0s")

    def test_command(self):
        with tempfile.TemporaryDirectory() as folder:
            sheet = Path(folder, "sheet.txt")
            sheet.write_text("website 1.5h\nwebsite 15m\n")
            command = [sys.executable, "-m", "durations", str(sheet)]
            self.assertEqual(subprocess.check_output(command, text=True), "website: 1h 45m\n")
