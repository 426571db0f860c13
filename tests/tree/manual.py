#!/usr/bin/env python3
"""manual.py FILE... - holds what comments say of kv_ names against the code.

A call that stands in a comment, kv_x(a, b), must be declared in a header, with that many arguments; one
whose arguments hold "…" is checked by name only. A name without parentheses must exist in the code.
Prints what does not hold, one line each."""
import re
import sys

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
NAME = re.compile(r"\bkv_[a-z0-9_]+")


def arguments(text, at):
    """The arguments between the parenthesis at `at` and its partner; None if it has none."""
    depth, parts, start = 0, [], at + 1
    for i in range(at, len(text)):
        c = text[i]
        if c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
            if depth == 0:
                parts.append(text[start:i])
                return [p.strip() for p in parts] if text[at + 1 : i].strip() else []
        elif c == "," and depth == 1:
            parts.append(text[start:i])
            start = i + 1
    return None


def declared(code, arity):
    for m in re.finditer(r"\b(kv_[a-z0-9_]+)\s*\(", code):
        before = code[: m.start()].rstrip()
        if before.endswith(("=", "(", ",", "return", "!", "&&", "||", "*/")):
            continue
        found = arguments(code, m.end() - 1)
        if found is not None:
            count = 0 if found in ([], ["void"]) else len(found)
            arity.setdefault(m.group(1), (count, "..." in found))


def main(files):
    texts = {f: open(f, encoding="utf-8").read() for f in files}
    arity, names = {}, set()
    for f, text in texts.items():
        code = COMMENT.sub(" ", text)
        names.update(NAME.findall(code))
        if f.endswith(".h"):
            declared(code, arity)
    wrong = 0
    for f, text in texts.items():
        for comment in COMMENT.finditer(text):
            body = re.sub(r"\n\s*\*", "\n ", comment.group(0))
            line = text.count("\n", 0, comment.start()) + 1
            for m in re.finditer(r"\b(kv_[a-z0-9_]+)(\*|…)?(\s?\()?", body):
                name, open_end = m.group(1), m.group(2) or m.group(1).endswith("_")
                at = f"{f}:{line + body.count(chr(10), 0, m.start())}"
                if open_end:
                    ok = any(n.startswith(name) for n in names)
                else:
                    ok = name in names
                if not ok:
                    print(f"{at}: {name} is not in the code")
                    wrong += 1
                    continue
                if not m.group(3) or open_end or m.group(3).startswith(" ") or name not in arity:
                    continue
                given = arguments(body, m.end() - 1)
                if given is None or any("…" in g or "..." in g for g in given):
                    continue
                wanted, more = arity[name]
                if len(given) != wanted and not (more and len(given) >= wanted - 1):
                    print(f"{at}: {name} takes {wanted} arguments, not {len(given)}")
                    wrong += 1
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
