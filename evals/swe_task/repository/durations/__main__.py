import sys

from .timesheet import report

for path in sys.argv[1:]:
    with open(path) as sheet:
        print(report(sheet.read()))
