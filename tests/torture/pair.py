"""pair - what the torture tests share: a pair of documents, a writer, and what must hold of them.

The writer is doc-driver (the smallest owner of a pair) or, with KV_TORTURE=kv-append in the
environment, the real program. Both read rows on standard input, commit what has arrived, and print
one line for each row that is durable.
"""

import json
import os
import shutil
import subprocess
import sys

TOOLS = os.environ["KV_TORTURE_TOOLS"]
REAL = os.environ.get("KV_TORTURE") == "kv-append"
BIN = os.environ.get("KV_BIN", "bin")


def refuse(token):
    raise ValueError("not JSON: " + token)


def load(path):
    with open(path, "rb") as f:
        return json.loads(f.read().decode("utf-8"), parse_constant=refuse)


def row(number, size=0):
    """A line whose id is one of the manifest."""
    task = "task-%09d" % number
    text = '{"task_id":"%s","text":"' % task
    return task, (text + "r" * max(0, size - len(text) - 3) + '"}\n').encode()


class Pair:
    """A pair in a directory of its own. `fault` names a protection to leave out."""

    def __init__(self, where, fault=None, tasks=20000, program=None):
        self.where = where
        shutil.rmtree(where, ignore_errors=True)
        os.makedirs(where)
        self.base = os.path.join(where, "r")
        self.tmp, self.state = self.base + ".tmp", self.base + ".state"
        self.fault, self.tasks = fault, tasks
        self.real = REAL and not fault and not program
        self.driver = os.path.join(TOOLS, program or ("doc-driver-faults" if fault else "doc-driver"))
        self.array, self.ids = "results", "completed_task_ids"
        self.counters = ("row_count", "completed_count") if self.real else ("rows", "ids")
        self.env = dict(os.environ)
        self.next = 0
        self.acked = set()
        self.create()
        if fault:
            self.env["KV_FAULT"] = fault

    def create(self):
        for name in os.listdir(self.where):
            os.unlink(os.path.join(self.where, name))
        self.next, self.acked = 0, set()
        if not self.real:
            command = [self.driver, "create", self.base, "20"]
            subprocess.run(command, check=True)
            return
        tasks = os.path.join(self.where, "tasks.jsonl")
        with open(tasks, "w") as f:
            f.writelines('"task-%09d"\n' % i for i in range(self.tasks))
        command = [os.path.join(BIN, "kv-manifest"), "--tasks", tasks, "-o", self.base]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def writer(self):
        if self.real:
            return [os.path.join(BIN, "kv-append"), self.state]
        return [self.driver, "stream", self.base]

    def rows(self, count=1, size=0):
        """Ids and text of rows that were never used before."""
        made = [row(self.next + i, size) for i in range(count)]
        self.next += count
        return [task for task, _ in made], b"".join(text for _, text in made)

    def add(self, count=1, size=0, prefix=(), check=True):
        """Adds rows; those acknowledged are expected to stay. Returns the finished process."""
        tasks, text = self.rows(count, size)
        done = subprocess.run(
            list(prefix) + self.writer(), input=text, capture_output=True, env=self.env)
        self.acked.update(tasks[: done.stdout.count(b"\n")])
        if check and done.returncode:
            raise RuntimeError("add: " + done.stderr.decode(errors="replace").strip())
        return done

    def wrong(self, tmp=None, state=None):
        """What is wrong with the documents, "" if nothing."""
        try:
            return self.disagreement(load(tmp or self.tmp), load(state or self.state))
        except (ValueError, OSError) as e:
            return "invalid: %s" % e

    def disagreement(self, results, state):
        rows = [r["task_id"] for r in results[self.array]]
        ids = state[self.ids]
        found, completed = set(rows), set(ids)
        checks = [
            (not self.counter(results) == len(rows), "rows miscounted"),
            (not state[self.counters[1]] == len(ids), "ids miscounted"),
            (len(found) < len(rows) or len(completed) < len(ids), "twice the same"),
            (completed - found, "an id without its row"),
            (self.acked - found, "an acknowledged row is lost"),
            (self.acked - completed, "an acknowledged id is lost"),
        ]
        return ", ".join(text for bad, text in checks if bad)

    def counter(self, results):
        name = self.counters[0]
        return results[name] if name in results else results["metadata"][name]


def report(name, trials, violations, note="", control=False):
    """One row of the table. A control is a test of the test: it must find something."""
    print(json.dumps({"name": name, "trials": trials, "violations": violations, "note": note,
                      "control": control}), flush=True)


def say(text):
    print(text, file=sys.stderr, flush=True)
