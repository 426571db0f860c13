"""kills - the writer is killed with SIGKILL at random instants, again and again.

    kills.py DIRECTORY KILLS

After every kill both documents must be valid, agree with each other and hold every acknowledged
row; then a clean add must work. Control: a writer that appends to the visible documents.
"""

import os
import random
import signal
import subprocess
import sys
import time

from pair import Pair, report, say


def typical_s(pair):
    """How long an add takes here."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        pair.add()
        times.append(time.perf_counter() - start)
    return sorted(times)[2]


def kill_one(pair, chance, usual, control):
    """One writer, one row or many, killed somewhere. Returns whether it was still alive then. The control
    writes much: the faster the medium, the shorter the moment at which it can be caught."""
    count = 40 if control else chance.choice((1, 1, 40))
    size = 20000 if control else chance.choice((100, 500, 500, 20000)) if count == 1 else 300
    tasks, text = pair.rows(count, size)
    process = subprocess.Popen(pair.writer(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env=pair.env)
    end = time.perf_counter() + 1.2 * usual * chance.random() * (1 if count == 1 else 3)
    try:
        process.stdin.write(text)
        process.stdin.close()
    except BrokenPipeError:
        pass
    while time.perf_counter() < end:
        pass
    process.send_signal(signal.SIGKILL)
    printed = process.stdout.read().count(b"\n")
    process.stdout.close()
    pair.acked.update(tasks[:printed])
    return process.wait() == -signal.SIGKILL


def session(pair, kills, name, seed, control=False):
    chance = random.Random(seed)
    done = bad = rounds = adds = 0
    usual = typical_s(pair)
    while done < kills and rounds < 4 * kills and not (control and bad):
        rounds += 1
        if rounds % 100 == 0:
            pair.create()
        done += kill_one(pair, chance, usual, control)
        wrong = pair.wrong()
        if not wrong and chance.random() < 0.6:
            after = pair.add(check=False)
            adds += 1
            wrong = after.stderr.decode() if after.returncode else pair.wrong()
        if wrong:
            bad += 1
            if not control:
                say("kills: round %d, seed %d: %s" % (rounds, seed, wrong))
            pair.create()
    report(name, done, bad, "%d adds after a kill, %d rounds" % (adds, rounds), control)


def main():
    where, kills = sys.argv[1], int(sys.argv[2])
    seed = int(os.environ.get("KV_TORTURE_SEED", time.time()))
    session(Pair(os.path.join(where, "kills")), kills, "random kills", seed)
    if not Pair(os.path.join(where, "kills-portable"), program="doc-driver-portable").wrong():
        session(Pair(os.path.join(where, "kills-portable"), program="doc-driver-portable"),
                kills // 5, "random kills, no leases", seed)
    session(Pair(os.path.join(where, "kills-control"), "in-place"), max(kills, 400),
            "random kills, in place", seed, control=True)


main()
