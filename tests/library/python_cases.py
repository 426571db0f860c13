#!/usr/bin/env python3
"""python_cases.py COUNT [SEED] - questions for `kvtest python` and `kvtest facts` with the answers of the Python
that runs this: its own str, repr, float, int, re, ast and strptime.

Prints a JSON object a line: {"tool", "question", "want"}. `python_cases.py --questions TOOL FILE` prints the
questions for one of them, `python_cases.py --compare TOOL FILE` reads its answers on stdin and prints those
that differ."""
import ast
import datetime
import json
import random
import re
import sys
import warnings

warnings.simplefilter("ignore")
ALPHABET = ["a", "B", "z", "0", "7", " ", "\t", "\n", "'", '"', "\\", "é", "ß", "İ", "ı", "٣", "\u00a0", "\u2003",
            "\u200b", "\x00", "\x1f", "\x85", "😀", "ﬁ", "Σ", "-", "_", ".", "\ufeff", "\u0301"]


def text(r, most=12, letters=ALPHABET):
    return "".join(r.choice(letters) for _ in range(r.randrange(most)))


def number(r):
    kind = r.randrange(5)
    if kind == 0:
        return r.randrange(-10**r.randrange(1, 25), 10**r.randrange(1, 25))
    if kind == 1:
        return r.uniform(-1, 1) * 10 ** r.randrange(-320, 308)
    if kind == 2:
        return float(r.randrange(-10**6, 10**6)) / r.choice([1, 2, 3, 8, 10, 1000])
    if kind == 3:
        return r.choice([0.1, 1e16, 1e15, 9999999999999998.0, 1e-5, 1e-4, 5e-324, 1.7976931348623157e308, -0.0])
    return r.choice([0, -1, 2**53, 2**53 + 1, 2**64])


def value(r, depth=2):
    kind = r.randrange(7 if depth else 5)
    if kind == 0:
        return r.choice([None, True, False])
    if kind in (1, 2):
        return number(r)
    if kind in (3, 4):
        return text(r)
    if kind == 5:
        return [value(r, depth - 1) for _ in range(r.randrange(4))]
    return {text(r, 5): value(r, depth - 1) for _ in range(r.randrange(4))}


def spelled(r):
    v = value(r)
    op = r.choice(["str", "repr"])
    return "python", {"op": op, "value": v}, {"text": str(v) if op == "str" else repr(v)}


NUMERAL = ["0", "1", "9", "5", ".", "e", "E", "+", "-", "_", " ", "٣", "०", "inf", "nan", "Infinity", "\u00a0", "x"]


def read_float(r):
    t = text(r, 8, NUMERAL)
    try:
        x = float(t)
    except ValueError:
        return "python", {"op": "float", "text": t}, {"number": None}
    return "python", {"op": "float", "text": t}, {"number": x if x - x == 0 else str(x)}


def read_int(r):
    t = text(r, 8, NUMERAL)
    try:
        x = int(t)
    except ValueError:
        x = None
    return "python", {"op": "int", "text": t}, {"number": x}


def strings(r):
    t = text(r)
    op = r.choice(["strip", "words", "chars"])
    want = {"text": t.strip()} if op == "strip" else {"number": len(t.split()) if op == "words" else len(t)}
    return "python", {"op": op, "text": t}, want


PIECES = ["a", "b", ".", "^", "$", r"\d", r"\w", r"\s", r"\b", r"\B", r"\D", r"\W", r"\S", r"\A", r"\Z", "[a-c]",
          "[^ab]", r"[\d_]", "x*", "a+", "b?", "a*?", "(?:ab|c)", "(a)", r"(?P<n>a)", "a{2}", "b{1,2}", "a{,2}",
          "(?=a)", "(?!b)", "(?<=a)", "(?<!b)", "|", "é", "ß", "(?i:B)", r"\.", r"\u00e9", " ", r"\t", "[]a]",
          "(", ")", "*", "[", "{", r"\1", "(?i)", "A"]
SUBJECT = ["a", "b", "c", "A", "B", "x", "é", "É", "ß", "ẞ", " ", "\n", "_", "1", "٣", ".", "\t", "]", "K", "k", "ſ"]


def pattern(r):
    p = "".join(r.choice(PIECES) for _ in range(r.randrange(1, 6)))
    t = text(r, 14, SUBJECT)
    flags = [f for f in ("IGNORECASE", "MULTILINE", "DOTALL", "ASCII") if r.random() < 0.2]
    question = {"op": "pattern", "pattern": p, "flags": flags, "text": t}
    try:
        bits = 0
        for f in flags:
            bits |= getattr(re, f)
        want = {"count": len(re.findall(p, t, bits))}
    except re.error:
        want = {"error": True}
    return "facts", question, want


def literal(r):
    v = value(r)
    try:
        source = "x: t = " + repr(v)
        ast.parse(source)
    except (SyntaxError, ValueError):
        return strings(r)

    def plain(v):
        if isinstance(v, dict):
            return {"dict": [[k, plain(x)] for k, x in v.items()]}
        return [plain(x) for x in v] if isinstance(v, list) else v

    return "python", {"op": "literal", "text": source}, {"value": plain(v)}


DIRECTIVES = ["%Y", "%m", "%d", "%H", "%M", "%S", "%y", "%b", "%B", "%a", "%A", "%p", "%I", "%j", "%f", "%z", "-", "/",
              " ", ":", "T", "%%"]


def strptime(r):
    f = "".join(r.choice(DIRECTIVES) for _ in range(r.randrange(1, 6)))
    moment = datetime.datetime(r.randrange(1000, 9999), r.randrange(1, 13), r.randrange(1, 29), r.randrange(24),
                               r.randrange(60), r.randrange(60), r.randrange(10**6),
                               r.choice([None, datetime.timezone.utc]))
    t = moment.strftime(f)
    if r.random() < 0.3 and t:
        i = r.randrange(len(t))
        t = t[:i] + r.choice("0 9xZ") + t[i + 1 :]
    question = {"op": "date", "text": t, "format": f}
    try:
        d = datetime.datetime.strptime(t, f)
    except (ValueError, re.error):
        return "facts", question, {"date": None}
    offset = None if d.tzinfo is None else int(d.utcoffset().total_seconds())
    return "facts", question, {"date": [d.strftime("%Y-%m-%dT%H:%M:%S.%f").rjust(26, "0"), offset]}


def same(want, got):
    if want.get("error"):
        return "error" in got
    if "date" in want and got.get("date") in ("unsupported", "overflow"):
        return True  # refused by name, never guessed
    if isinstance(want.get("number"), int) and abs(want["number"]) >= 2**63:
        return got.get("number") is None  # beyond 64 bits is refused
    return json.dumps(want) == json.dumps(got)


def cases(tool, path):
    with open(path, encoding="utf-8") as lines:
        return [case for case in map(json.loads, lines) if case["tool"] == tool]


def compare(tool, path):
    differing = total = 0
    for case, answer in zip(cases(tool, path), sys.stdin, strict=True):
        got = json.loads(answer)
        total += 1
        if not same(case["want"], got):
            differing += 1
            print(json.dumps(case["question"]), "want", json.dumps(case["want"]), "got", json.dumps(got))
    print(f"{total - differing}/{total}")
    return differing > 0 or total == 0


def main():
    if sys.argv[1] == "--compare":
        return compare(*sys.argv[2:])
    if sys.argv[1] == "--questions":
        for case in cases(*sys.argv[2:]):
            print(json.dumps(case["question"]))
        return 0
    r = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    kinds = [spelled, read_float, read_int, strings, pattern, literal, strptime]
    for i in range(int(sys.argv[1])):
        tool, question, want = kinds[i % len(kinds)](r)
        print(json.dumps({"tool": tool, "question": question, "want": want}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
