import unittest

from durations import render, report, totals


class Timesheet(unittest.TestCase):
    def test_totals(self):
        self.assertEqual(totals("website 1h 30m\n\nwebsite 45m\ntaxes 2h\n"), {"website": 8100, "taxes": 7200})

    def test_report(self):
        self.assertEqual(report("website 90m\ntaxes 2h\n"), "website: 1h 30m\ntaxes: 2h")

    def test_a_project_without_time(self):
        self.assertEqual(render(0), "0s")
