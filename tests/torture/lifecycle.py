"""lifecycle - the whole pipeline killed at random moments and started again.

    lifecycle.py DIRECTORY KILLS TASKS

kv-manifest, then `kv-run | kv-append` killed with SIGKILL to its process group, again and again,
against the bundled provider, while jq reads both files; then one run to the end and kv-finalize.
Holds: every reader found valid JSON; every acknowledged task was never asked again; the export has
each task exactly once. Control: the results kept by `cat` instead of kv-append, which acknowledges
what no later run knows of.
"""

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
from shlex import quote

from pair import report, say

BIN = os.environ["KV_BIN"]
TBIN = os.environ.get("KV_TBIN", os.path.join(os.path.dirname(BIN), "tests", "bin"))


def tool(name):
    return os.path.join(BIN, name)


def question(i):
    return "What is number %d, exactly?" % i


def prepare(where, tasks, url):
    with open(os.path.join(where, "bench.jsonl"), "w") as f:
        for i in range(tasks):
            field = {"name": "n", "type": "str", "description": "The number", "ground_truth": "x",
                     "verify_with": {"type": "ExactMatch"}}
            json.dump({"id": "q%d" % i, "question": question(i), "template": {"fields": [field]}}, f)
            f.write("\n")
    model = {"interface": "openai_endpoint", "endpoint_base_url": url + "/v1"}
    with open(os.path.join(where, "preset.json"), "w") as f:
        json.dump({"answering_models": [dict(model, id="a", model_name="m", system_prompt="Hm.")],
                   "parsing_models": [dict(model, id="j", model_name="judge")]}, f)
    subprocess.run([tool("kv-manifest"), "-b", "bench.jsonl", "-c", "preset.json", "-o", "r.json"],
                   cwd=where, check=True, stdout=subprocess.DEVNULL)


class Readers(threading.Thread):
    """Reads both files with jq until told to stop."""

    def __init__(self, where):
        super().__init__()
        self.where, self.stopped, self.reads, self.invalid = where, False, 0, 0

    def run(self):
        while not self.stopped:
            for name in ("r.json.tmp", "r.json.state"):
                done = subprocess.run(["jq", "-e", "."], stdin=open(os.path.join(self.where, name)),
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                self.reads += 1
                self.invalid += done.returncode != 0


def asked(journal, start):
    """How often each question was put to the answering model since byte `start` of the journal."""
    times = {}
    with open(journal) as f:
        f.seek(start)
        for line in f:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if not entry["judge"]:
                times[entry["user"]] = times.get(entry["user"], 0) + 1
    return times


def lines(path):
    with open(path) as f:
        return [json.loads(line) for line in f if line.endswith("\n")]


def torture(where, kills, tasks, keep, env):
    """Returns (kills, acknowledged, asked again though acknowledged, wrong rows, reads, invalid)."""
    journal, acks = os.path.join(where, "journal"), os.path.join(where, "acks")
    readers = Readers(where)
    readers.start()
    again = 0
    command = "%s -j 8 r.json.state 2>>err | %s" % (quote(tool("kv-run")), keep)
    done = set()
    for _ in range(kills):
        before = os.path.getsize(journal)
        group = subprocess.Popen(["sh", "-c", command], cwd=where, env=env, start_new_session=True)
        time.sleep(random.uniform(0.01, 0.25))
        os.killpg(group.pid, signal.SIGKILL)
        group.wait()
        again += sum(1 for q in asked(journal, before) if q in done)
        if os.path.exists(acks):
            for ack in lines(acks):
                key = ack.get("task_id") or ack["metadata"]["question_id"]
                done.add(question(int(key.split("\t")[0][1:])))
    before = os.path.getsize(journal)
    subprocess.run(["sh", "-c", command], cwd=where, env=env)
    again += sum(1 for q in asked(journal, before) if q in done)
    readers.stopped = True
    readers.join()
    subprocess.run([tool("kv-finalize"), "r.json.state"], cwd=where, capture_output=True)
    try:
        with open(os.path.join(where, "r.json")) as f:
            ids = [r["metadata"]["question_id"] for r in json.load(f)["results"]]
        wrong = abs(len(ids) - tasks) + len(ids) - len(set(ids))
    except OSError:
        wrong = tasks
    return len(done), again, wrong, readers.reads, readers.invalid


def run(directory, kills, tasks, keep, name, control):
    where = tempfile.mkdtemp(dir=directory)
    env = dict(os.environ, OPENAI_API_KEY="torture")
    journal = os.path.join(where, "journal")
    provider = subprocess.Popen(
        [os.path.join(TBIN, "provider"), "--latency", "5", "--journal", journal],
        stdout=subprocess.PIPE, text=True)
    try:
        url = "http://127.0.0.1:%d" % json.loads(provider.stdout.readline())["port"]
        prepare(where, tasks, url)
        acked, again, wrong, reads, invalid = torture(where, kills, tasks, keep, env)
    finally:
        provider.terminate()
        provider.wait()
    if not control and (again or wrong or invalid):
        say("lifecycle: %d asked again, %d rows wrong, %d reads invalid" % (again, wrong, invalid))
    note = "%d tasks, %d acknowledged in between, %d reads by jq" % (tasks, acked, reads)
    report(name, kills, again + wrong + invalid, note, control)
    shutil.rmtree(where)


def main():
    directory, kills, tasks = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if not os.path.exists(os.path.join(TBIN, "provider")) or not shutil.which("jq"):
        report("the whole pipeline killed", 0, 0, "skipped: no provider, or no jq", False)
        return
    keep = quote(tool("kv-append")) + " r.json.state >>acks"
    run(directory, kills, tasks, keep, "the whole pipeline killed", False)
    run(directory, 3, 40, "cat >>acks", "the same, results kept by cat", True)


main()
