"""paid - the whole pipeline killed, and what was asked again although its answer had been sent.

    paid.py DIRECTORY KILLS

`kv-run -j 64 | kv-append`, answers of 50 ms, a judge behind each, killed with SIGKILL to the process
group at random instants, and started again. A request counts as answered in full when the provider
had sent the last byte of its reply before the kill. Holds, on average of 40 kills: at most one answer
and two judgements are asked again a kill (of few kills: twelve of each, for one bad moment weighs much
there; without the journal of replies it is more); every task has its row at the end. Control: the
same without the journal of replies.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from shlex import quote

from pair import report

BIN = os.environ["KV_BIN"]
TBIN = os.environ.get("KV_TBIN", os.path.join(os.path.dirname(BIN), "tests", "bin"))
LATENCY = 0.050
TASKS = 4000


def tool(name):
    return os.path.join(BIN, name)


def prepare(where, url):
    with open(os.path.join(where, "bench.jsonl"), "w") as bench:
        for i in range(TASKS):
            field = {"name": "n", "type": "int", "description": "The number", "ground_truth": i,
                     "verify_with": {"type": "NumericExact"}}
            json.dump({"id": "q%d" % i, "question": "What is number %d?" % i, "answer": str(i),
                       "template": {"fields": [field]}}, bench)
            bench.write("\n")
    model = {"interface": "openai_endpoint", "endpoint_base_url": url + "/v1"}
    with open(os.path.join(where, "preset.json"), "w") as f:
        json.dump({"answering_models": [dict(model, id="a", model_name="m", system_prompt="Hm.")],
                   "parsing_models": [dict(model, id="j", model_name="judge")]}, f)


def begin(where):
    subprocess.run([tool("kv-manifest"), "-b", "bench.jsonl", "-c", "preset.json", "-o", "r.json",
                    "--force"], cwd=where, check=True, stdout=subprocess.DEVNULL)


def requests(journal, start):
    """(time, judge, body) of each request since byte `start` of the provider's journal."""
    with open(journal) as f:
        f.seek(start)
        text = f.read()
    lines = text.split("\n")[:-1]
    return [(r["time"], r["judge"], r["md5"]) for r in map(json.loads, lines)]


def replies(sent, start, end):
    """The bodies whose replies had been sent in full at the time `end`."""
    with open(sent) as f:
        f.seek(start)
        lines = f.read().split("\n")[:-1]
    return {r["md5"] for r in map(json.loads, lines) if r["time"] <= end}


def completed(where):
    with open(os.path.join(where, "r.json.state")) as f:
        return json.load(f)["completed_count"]


class Count:
    """Requests so far: those asked again although answered in full, (answers, judgements)."""

    def __init__(self, where):
        self.journal, self.sent = os.path.join(where, "journal"), os.path.join(where, "sent")
        self.again, self.asked, self.answered = [0, 0], 0, set()

    def begin(self):
        self.at, self.sent_at = os.path.getsize(self.journal), os.path.getsize(self.sent)

    def end(self, moment):
        for _, judge, body in requests(self.journal, self.at):
            self.asked += 1
            self.again[judge] += body in self.answered
        self.answered.update(replies(self.sent, self.sent_at, moment))


def killed(command, where, env, count, seconds):
    """One run of the pipeline, killed."""
    count.begin()
    group = subprocess.Popen(["sh", "-c", command], cwd=where, env=env, start_new_session=True)
    time.sleep(seconds)
    moment = time.time()
    os.killpg(group.pid, signal.SIGKILL)
    group.wait()
    time.sleep(0.1)  # for what the provider still notes
    count.end(moment)


def finished(command, where, env, count):
    """Runs to the end. Returns how many tasks have no row, or more than one."""
    count.begin()
    subprocess.run(["sh", "-c", command], cwd=where, env=env)
    count.end(time.time())
    with open(os.path.join(where, "r.json.tmp")) as f:
        ids = [row["metadata"]["question_id"] for row in json.load(f)["results"]]
    count.answered = set()
    return abs(TASKS - len(set(ids))) + len(ids) - len(set(ids))


def torture(where, kills, options, chance):
    command = "%s -j 64 %s r.json.state 2>>err | %s -q r.json.state" % (
        quote(tool("kv-run")), options, quote(tool("kv-append")))
    env = dict(os.environ, OPENAI_API_KEY="torture")
    count, wrong = Count(where), 0
    begin(where)
    for _ in range(kills):
        killed(command, where, env, count, chance.uniform(0.3, 1.2))
        if completed(where) > TASKS - 1500:
            wrong += finished(command, where, env, count)
            begin(where)
    wrong += finished(command, where, env, count)
    return count.again, count.asked, wrong


def run(directory, kills, options, name, control, seed):
    where = tempfile.mkdtemp(dir=directory)
    journal = os.path.join(where, "journal")
    provider = subprocess.Popen(
        [os.path.join(TBIN, "provider"), "--latency", "%d" % (1000 * LATENCY), "--journal", journal,
         "--sent", os.path.join(where, "sent")],
        stdout=subprocess.PIPE, text=True)
    try:
        prepare(where, "http://127.0.0.1:%d" % json.loads(provider.stdout.readline())["port"])
        again, asked, wrong = torture(where, kills, options, random.Random(seed))
    finally:
        provider.terminate()
        provider.wait()
    note = "asked again a kill: %.2f answers, %.2f judgements; %d requests" % (
        again[0] / kills, again[1] / kills, asked)
    most = (1, 2) if kills >= 40 else (12, 12)
    bad = (again[0] > most[0] * kills) + (again[1] > most[1] * kills) + wrong
    report(name, kills, bad, note, control)
    shutil.rmtree(where)


def main():
    directory, kills = sys.argv[1], int(sys.argv[2])
    seed = int(os.environ.get("KV_TORTURE_SEED", time.time()))
    if not os.path.exists(os.path.join(TBIN, "provider")):
        report("paid for and asked again", 0, 0, "skipped: no provider", False)
        return
    run(directory, kills, "", "paid for and asked again", False, seed)
    run(directory, 3, "--no-journal", "the same without the journal", True, seed)


main()
