"""programs - every program that changes a pair is killed, and each of its calls fails, everywhere.

    programs.py DIRECTORY short|long

kv-manifest (new, --force), kv-finalize (JSON, CSV, --partial), kv-append --extend and to layout 2.0, by
strace, at each call of a kind in turn. After each: nothing that was acknowledged is lost, the same
command typed again comes to its end, and what it leaves is what it would have left undisturbed. Reads
fail, or return what was never written.
"""

import json
import os
import shutil
import subprocess
import sys

from pair import BIN, report, say

TASKS = ["t%d" % i for i in range(6)]
WRITING = ("renameat", "renameat2", "rename", "unlinkat", "unlink")
KILLS = WRITING + ("openat", "pwrite64", "write", "fsync", "fdatasync", "ftruncate", "fcntl", "flock",
                   "fchmod", "close", "statx", "newfstatat")
ERRORS = {"renameat": "EIO", "renameat2": "EIO", "rename": "ENOSPC", "unlinkat": "EIO", "unlink": "EIO",
          "pwrite64": "ENOSPC", "write": "ENOSPC", "fsync": "EIO", "fdatasync": "EIO",
          "ftruncate": "EIO", "pread64": "EIO", "read": "EIO", "statx": "EIO", "newfstatat": "EIO",
          "flock": "ENOLCK"}


def tool(*words):
    return [os.path.join(BIN, words[0])] + list(words[1:])


def row(task, x=1):
    return json.dumps({"task_id": task, "x": x}) + "\n"


def load(path):
    with open(path) as f:
        return json.load(f)


class Scenario:
    """One command in a directory that is set up anew for each trial."""

    def __init__(self, where, name, command, layout="1", rows=TASKS, output="r.json", text=None):
        self.where, self.name, self.command = os.path.join(where, "work"), name, command
        self.layout, self.rows, self.output, self.text = layout, rows, output, text
        self.saved = os.path.join(where, "saved")
        shutil.rmtree(self.saved, ignore_errors=True)
        os.makedirs(self.saved)
        with open(os.path.join(self.saved, "tasks"), "w") as f:
            f.writelines('"%s"\n' % t for t in TASKS)
        if rows is not None:
            self.run(tool("kv-manifest", "--tasks", "tasks", "--layout", layout, "-o", output), self.saved)
            bad = "".join(json.dumps({"task_id": t, "error": "no"}) + "\n" for t in rows[:2])
            text_ = bad + "".join(map(row, rows))
            subprocess.run(tool("kv-append", "-q", output), cwd=self.saved, input=text_, text=True, check=True)

    def run(self, command, cwd=None, check=True):
        return subprocess.run(command, cwd=cwd or self.where, input=self.text, text=True, check=check,
                              capture_output=True)

    def reset(self):
        shutil.rmtree(self.where, ignore_errors=True)
        shutil.copytree(self.saved, self.where)

    def kept(self):
        """The tasks whose good result is somewhere: in the pair, or in the export."""
        found = set()
        for path in (self.output + ".tmp", self.output):
            full = os.path.join(self.where, path)
            if os.path.exists(full) and not full.endswith(".csv"):
                found |= {r["task_id"] for r in load(full)["results"] if r.get("x") == 1}
        lines = os.path.join(self.where, self.output + ".results.jsonl")
        if os.path.exists(lines):
            with open(lines) as f:
                found |= {r["task_id"] for r in map(json.loads, f.read().splitlines()) if r.get("x") == 1}
        csv = os.path.join(self.where, self.output)
        if csv.endswith(".csv") and os.path.exists(csv):
            with open(csv) as f:
                cells = [line.split(",") for line in f.read().splitlines()]
            found |= {c[0] for c in cells if c[1] == "True"}
        return found

    def wrong(self, done):
        lost = set() if "--force" in self.command else set(self.rows or ()) - self.kept()
        if lost:
            return "lost %s" % sorted(lost)
        again = self.run(self.command, check=False)
        if again.returncode:
            return "again: %d %s" % (again.returncode, again.stderr.strip())
        return self.end()

    def end(self):
        """What is wrong with what the command leaves in the end."""
        if self.command[0].endswith("kv-finalize") and "--partial" not in self.command:
            left = [n for n in os.listdir(self.where) if n not in ("tasks", self.output, "r.csv")]
            missing = set(self.rows) - self.kept()
            return "left %s" % left if left else "lost %s" % missing if missing else ""
        state = load(os.path.join(self.where, self.output + ".state"))
        orphans = set(state["completed_task_ids"]) - set(state["task_manifest"])
        if orphans or state["total_tasks"] != len(state["task_manifest"]):
            return "orphans %s" % sorted(orphans)
        if self.text and set(state["completed_task_ids"]) - self.kept():
            return "a key without its row"
        return ""


def strace(what, call, log):
    return ["strace", "-f", "-qq", "-o", log, "-e", "trace=" + call, "-e", "inject=%s:%s" % (call, what)]


def trial(s, prefix, where, log):
    """None if the call was not reached, else what went wrong."""
    s.reset()
    done = s.run(prefix + s.command, check=False)
    with open(log, errors="replace") as f:
        text = f.read()
    if "INJECTED" not in text and "killed by SIGKILL" not in text:
        return None
    allowed = (0, 1, 3, 4, 6, 127, -9, 137) + ((-11, 139) if "poke" in where else ())  # the loader
    if done.returncode not in allowed:
        say("programs: %s, %s: exit status %d" % (s.name, where, done.returncode))
        return "exit status"
    wrong = s.wrong(done)
    if wrong:
        say("programs: %s, %s: %s" % (s.name, where, wrong))
    return wrong


def everywhere(s, plan, most):
    log = os.path.join(os.path.dirname(s.where), "log")
    trials = bad = 0
    for call, what in plan:
        for when in range(1, most):
            wrong = trial(s, strace("%s:when=%d" % (what, when), call, log), "%s %s %d" % (call, what, when), log)
            if wrong is None:
                break
            trials += 1
            bad += bool(wrong)
    return trials, bad


def scenarios(where):
    both = row("t4") + row("t5")
    yield Scenario(where, "kv-manifest", tool("kv-manifest", "--tasks", "tasks", "-o", "r.json", "--if-absent"), rows=None)
    yield Scenario(where, "kv-manifest --force", tool("kv-manifest", "--tasks", "tasks", "-o", "r.json", "--force"))
    yield Scenario(where, "kv-finalize", tool("kv-finalize", "r.json"))
    yield Scenario(where, "kv-finalize of a CSV", tool("kv-finalize", "r.csv"), output="r.csv")
    yield Scenario(where, "kv-finalize --partial", tool("kv-finalize", "--partial", "r.json"), rows=TASKS[:4])
    yield Scenario(where, "kv-finalize, layout 2.0", tool("kv-finalize", "r.json"), layout="2")
    yield Scenario(where, "kv-append --extend", tool("kv-append", "-q", "--extend", "r.json"), rows=TASKS[:4],
                   text=both + row("new"))
    yield Scenario(where, "kv-append, layout 2.0", tool("kv-append", "-q", "r.json"), rows=TASKS[:4],
                   layout="2", text=both)


def main():
    where, long = os.path.join(sys.argv[1], "programs"), sys.argv[2] == "long"
    os.makedirs(where, exist_ok=True)
    kills = [(c, "signal=KILL") for c in (KILLS if long else WRITING)]
    errors = [(c, "error=" + e) for c, e in ERRORS.items() if long or c in ("unlinkat", "pread64")]
    for s in scenarios(where):
        most = 80 if long else 16
        report("%s, killed" % s.name, *everywhere(s, kills, most))
        report("%s, calls that fail" % s.name, *everywhere(s, errors, most))
        if s.name == "kv-finalize":
            lies = [("pread64", "poke_exit=@arg2=ffff")]
            report("kv-finalize, reads that lie", *everywhere(s, lies, 80 if long else 30))


if subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL).returncode:
    report("programs", 0, 0, "skipped: strace cannot trace here")
else:
    main()
