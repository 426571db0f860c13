"""table - prints what the parts reported; exits 1 if something was violated or a control is blind."""

import json
import sys


def main():
    with open(sys.argv[1]) as f:
        rows = [json.loads(line) for line in f]
    failed = False
    print("%-46s %10s %10s  %s" % ("", "violations", "trials", ""))
    for r in rows:
        wrong = (r["violations"] == 0) == r["control"] and not r["note"].startswith("skipped")
        failed |= wrong
        mark = "FAILED " if wrong else "control; " if r["control"] else ""
        print("%-46s %10d %10d  %s%s" % (
            r["name"], r["violations"], r["trials"], mark, r["note"]))
    if not rows:
        print("nothing was tried")
    return failed or not rows


sys.exit(main())
