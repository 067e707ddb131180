import unittest

from durations import parse


class Parsing(unittest.TestCase):
    def test_units(self):
        self.assertEqual([parse(text) for text in ("45s", "2m", "1h", "1d")], [45, 120, 3600, 86400])

    def test_several_units(self):
        self.assertEqual(parse("1h 30m"), 5400)
        self.assertEqual(parse("1h30m"), 5400)

    def test_decimal_numbers(self):
        self.assertEqual(parse("1.5h"), 5400)

    def test_what_is_no_duration(self):
        for text in ("", "soon", "90"):
            with self.assertRaises(ValueError):
                parse(text)
