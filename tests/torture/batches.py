"""batches - a run that goes through batch services, killed again and again.

    batches.py DIRECTORY TASKS KILLS

A benchmark with judges and an abstention check, first online, then through the batch services of the
bundled provider: answers at OpenAI's, judgements at OpenAI's or at Anthropic's. Every step (`kv-run
--batch`, or its three programs one by one) is killed with SIGKILL to its process group at a random
moment, while the ledger is read all the time; when all is there the run begins anew, until there were
KILLS kills. Before some steps an older copy is put back, as from a backup: of the ledger, where the services
keep labels (OpenAI's), or of the collected replies. Holds: every request was ordered exactly once, as the provider counts; every task has its
one row, with the verdict it has online; the ledger is whole lines of JSON at every instant, behind what
was read before. Control: steps that are not killed,
and whose ledger is away when they end, as where ids of batches are only in memory.
"""

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from shlex import quote

from pair import report, say

BIN = os.environ["KV_BIN"]
TBIN = os.environ.get("KV_TBIN", os.path.join(os.path.dirname(BIN), "tests", "bin"))
PASSING = ("execution_time", "timestamp", "result_id", "usage_metadata", "evaluation_input", "run_name")
FILES = ("r.json.batches", "r.json.replies", ".r.json.journal")
STEPS = 200  # until a run is over, at most


def tool(name):
    return quote(os.path.join(BIN, name))


RUN = "%s --batch --no-probe --batch-size %%d" % tool("kv-run")
FORMS = (
    RUN + " --append r.json.state >/dev/null",
    RUN + " r.json.state | %s -q r.json.state" % tool("kv-append"),
    "{0} collect r.json.state; touch r.json.replies; "
    "{1} --defer d --replies r.json.replies r.json.state | {2} -q r.json.state; "
    "{0} --batch-size %d -e d/endpoints.json submit r.json.state".format(
        tool("kv-batch"), tool("kv-run"), tool("kv-append")))


def prepare(where, tasks, judge):
    """The numbers from 0; the model abstains from every seventh."""
    with open(os.path.join(where, "bench.jsonl"), "w") as bench, \
            open(os.path.join(where, "answers.jsonl"), "w") as answers:
        for i in range(tasks):
            field = {"name": "n", "type": "int", "description": "The number", "ground_truth": i,
                     "verify_with": {"type": "NumericExact"}}
            text = "What is number %d, exactly?" % i
            says = {"n": i + (i % 5 == 0), "abstention_detected": i % 7 == 0}
            bench.write(json.dumps({"id": "q%d" % i, "question": text, "answer": str(i),
                                    "template": {"fields": [field]}}) + "\n")
            answers.write(json.dumps({"question": text, "answer": "It is %d." % i, "parsed": says}) + "\n")
    model = {"interface": "langchain", "model_provider": "openai"}
    with open(os.path.join(where, "preset.json"), "w") as f:
        json.dump({"answering_models": [dict(model, id="a", model_name="m", system_prompt="Hm.")],
                   "parsing_models": [dict(model, id="j", model_name="judge", model_provider=judge)],
                   "abstention_enabled": True}, f)


def without(value):
    """A row without what differs between two runs of the same."""
    if isinstance(value, dict):
        return {k: without(v) for k, v in value.items() if k not in PASSING}
    return [without(v) for v in value] if isinstance(value, list) else value


class Reader(threading.Thread):
    """Reads the ledger until it is told to stop."""

    def __init__(self, path):
        super().__init__()
        self.path, self.stopped, self.reads, self.bad, self.seen = path, False, 0, 0, b""
        self.lock = threading.Lock()

    def run(self):
        while not self.stopped:
            with self.lock:
                self.read()
            time.sleep(0.001)

    def read(self):
        try:
            with open(self.path, "rb") as f:
                text = f.read()
        except FileNotFoundError:
            self.seen = b""
            return
        self.look(text[:text.rfind(b"\n") + 1])

    def look(self, text):
        self.reads += 1
        grown = text.startswith(self.seen)
        try:
            for line in text[len(self.seen) if grown else 0:].splitlines():
                json.loads(line)["event"]
        except (ValueError, KeyError):
            grown = False
        if not grown:
            say("batches: the ledger: %r" % text[-200:])
        self.bad += not grown
        self.seen = text


class Run:
    """A run of the benchmark by batches, and what the provider counts of it."""

    def __init__(self, where, url, tasks, chance, reader, kept):
        self.where, self.url, self.tasks, self.chance = where, url, tasks, chance
        self.reader, self.kept = reader, kept  # the files of which copies are kept
        self.put = 0
        self.journal = os.path.join(where, "journal")
        self.env = dict(os.environ, OPENAI_BASE_URL=url + "/v1", OPENAI_API_KEY="torture", KV_NO_HINTS="1",
                        ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY="torture", KV_BATCH_SPEED="100000")
        self.step_s = 0.3

    def begin(self):
        for name in FILES:  # the online run has none; a run that is over may have them
            if os.path.exists(os.path.join(self.where, name)):
                os.unlink(os.path.join(self.where, name))
        subprocess.run("%s -b bench.jsonl -c preset.json -o r.json --force" % tool("kv-manifest"),
                       shell=True, cwd=self.where, check=True, stdout=subprocess.DEVNULL)
        self.at = os.path.getsize(self.journal)
        self.copies = []

    def start(self, command):
        return subprocess.Popen(["sh", "-c", command + " >>out 2>>err"], cwd=self.where, env=self.env,
                                start_new_session=True)

    def online(self):
        self.start("%s -j 16 --append r.json.state" % tool("kv-run")).wait()

    def step(self):
        looks = {"looks": self.chance.randrange(3), "reorder": self.chance.random() < 0.5}
        urllib.request.urlopen(self.url + "/batch-control", json.dumps(looks).encode()).read()
        form = self.chance.choice(FORMS)
        return self.start("{ %s; }" % (form % self.chance.choice((7, 25, self.tasks))))

    def put_back(self):
        """Keeps a copy of what is there; one time in five an older one is put back in its place, when what
        was killed is gone."""
        with open(os.path.join(self.where, ".r.json.run"), "a") as lock, self.reader.lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name in self.kept:
                path = os.path.join(self.where, name)
                if os.path.exists(path):
                    with open(path, "rb") as f:
                        self.copies.append((path, f.read()))
            if not self.copies or self.chance.random() > 0.2:
                return
            path, text = self.chance.choice(self.copies)
            with open(path + ".copy", "wb") as f:
                f.write(text)
            os.replace(path + ".copy", path)
            self.reader.seen = b""
            self.put += 1

    def kill(self):
        self.put_back()
        begun = time.monotonic()
        group = self.step()
        try:
            group.wait(self.chance.uniform(0, self.step_s))
            self.step_s = max(0.05, time.monotonic() - begun)
        except subprocess.TimeoutExpired:
            self.step_s *= 1.1  # moments are spread over the whole of a step
        ended = group.poll() is not None
        try:
            os.killpg(group.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        group.wait()
        return not ended

    def forget(self):
        """A step to its end, of which nobody knows afterwards."""
        self.step().wait()
        ledger = os.path.join(self.where, FILES[0])
        if os.path.exists(ledger):
            os.unlink(ledger)

    def unreadable(self):
        """Whether kv-status does not understand what a kill has left."""
        done = subprocess.run("%s r.json.state" % tool("kv-status"), shell=True, cwd=self.where,
                              env=self.env, capture_output=True, text=True)
        bad = done.returncode not in (0, 1) or done.stderr
        if bad:
            say("batches: kv-status: %d %s" % (done.returncode, done.stderr.strip()))
        return bool(bad)

    def rows(self):
        with open(os.path.join(self.where, "r.json.tmp")) as f:
            rows = json.load(f)["results"]
        return {r["metadata"]["question_id"]: json.dumps(without(r), sort_keys=True) for r in rows}

    def pending(self):
        with open(os.path.join(self.where, "r.json.state")) as f:
            return self.tasks - json.load(f)["completed_count"]

    def finish(self):
        for _ in range(STEPS):
            if not self.pending():
                return
            self.step().wait()

    def ordered(self):
        """How often each request was ordered, of this run."""
        with open(self.journal) as f:
            f.seek(self.at)
            lines = map(json.loads, f.read().split("\n")[:-1])
        return Counter(r["ordered"] for r in lines if "ordered" in r)


def torture(run, kills, control):
    """Kills so many steps. (requests, steps killed, what is wrong)"""
    run.begin()
    run.online()
    verdicts, requests, killed, wrong, runs = run.rows(), 0, 0, 0, 0
    expected = 2 * run.tasks + sum(i % 7 != 0 for i in range(run.tasks))  # parsed unless it abstains
    while killed < kills:
        run.begin()
        while killed < kills and run.pending():
            if control:
                run.forget()
                killed += 1
                continue
            killed += run.kill()
            wrong += run.unreadable()
        run.finish()
        ordered, rows = run.ordered(), run.rows()
        twice = sum(n > 1 for n in ordered.values())
        differ = sum(rows.get(q) != verdicts[q] for q in verdicts)
        if (twice or differ or len(ordered) != expected) and not control:
            say("batches: %d of %d requests ordered twice, %d of %d rows differ" % (
                twice, len(ordered), differ, len(verdicts)))
        wrong += twice + differ + abs(len(ordered) - expected)
        requests += len(ordered)
        runs += 1
    return requests, runs, wrong


def play(directory, tasks, kills, judge, name, control, seed):
    where = tempfile.mkdtemp(dir=directory)
    prepare(where, tasks, judge)
    provider = subprocess.Popen(
        [os.path.join(TBIN, "provider"), "--answers", "answers.jsonl", "--journal", "journal",
         "--max-seconds", "3600"], cwd=where, stdout=subprocess.PIPE, text=True)
    reader = Reader(os.path.join(where, FILES[0]))
    try:
        url = "http://127.0.0.1:%d" % json.loads(provider.stdout.readline())["port"]
        if not control:
            reader.start()
        kept = FILES[:2] if judge == "openai" else FILES[1:2]
        run = Run(where, url, tasks, random.Random(seed), reader, kept)
        requests, runs, wrong = torture(run, kills, control)
    finally:
        reader.stopped = True
        provider.terminate()
        provider.wait()
    if wrong and not control:
        with open(os.path.join(where, "err")) as f:
            say("".join(f.readlines()[-20:]))
    note = "%d runs of %d tasks, %d requests; %d copies put back; ledger read %d times; seed %d" % (
        runs, tasks, requests, run.put, reader.reads, seed)
    report(name, kills, wrong + reader.bad, note, control)
    shutil.rmtree(where)


def main():
    directory, tasks, kills = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    seed = int(os.environ.get("KV_TORTURE_SEED", time.time()))
    if not os.path.exists(os.path.join(TBIN, "provider")):
        report("batches", 0, 0, "skipped: no provider", False)
        return
    for judge in ("openai", "anthropic"):
        play(directory, tasks, kills, judge, "batches killed, judges at " + judge, False, seed)
    play(directory, min(tasks, 40), 4, "openai", "the same without a ledger", True, seed)


main()
