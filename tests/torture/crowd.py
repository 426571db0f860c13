"""crowd - many writers at once; a reader that keeps an old version; a full disk.

    crowd.py DIRECTORY short|long

Controls: writers without the lock; a writer that appends to the visible documents on a full disk.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from pair import TOOLS, Pair, report, row, say


def crowd(pair, writers, each, name, control=False):
    """Processes that add one row each, `writers` of them at a time."""
    def one(number):
        task, text = row(number)
        done = subprocess.run(pair.writer(), input=text, capture_output=True, env=pair.env)
        return task if done.returncode == 0 else None

    start = time.perf_counter()
    with ThreadPoolExecutor(writers) as pool:
        acked = list(pool.map(one, range(writers * each)))
    took = time.perf_counter() - start
    pair.acked = {task for task in acked if task}
    refused = acked.count(None)
    wrong = pair.wrong()
    if wrong and not control:
        say("crowd: " + wrong)
    report(name, len(acked), refused + bool(wrong),
           "%d processes at once, %.1f ms an add" % (writers, 1e3 * took / len(acked)), control)


def held(pair, seconds, name, control=False):
    """A reader keeps one version open while the writer goes on."""
    pair.add(20)
    command = [os.path.join(TOOLS, "reader"), pair.tmp, str(seconds), "old", pair.array, "rows"]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE)
    time.sleep(0.2)
    adds, times = 0, []
    while reader.poll() is None:
        start = time.perf_counter()
        pair.add()
        times.append(time.perf_counter() - start)
        adds += 1
    seen = json.loads(reader.communicate()[0])
    times.sort()
    note = "%d adds meanwhile, median %.1f ms, slowest %.1f ms" % (
        adds, 1e3 * times[adds // 2], 1e3 * times[-1])
    report(name, seen["reads"], seen["invalid"] + bool(pair.wrong()), note, control)


def fill(pair, name, control=False):
    """Adds until the disk is full, then removes the ballast and adds again."""
    ballast = os.path.join(pair.where, "ballast")
    with open(ballast, "wb") as f:
        f.write(bytes(1 << 20))
    refused = bad = trials = 0
    for size in (30000, 100000, 30000, 4000, 30000, 300):
        for _ in range(200):
            before = pair.wrong()
            done = pair.add(size=size, check=False)
            trials += 1
            wrong = pair.wrong()
            if done.returncode == 0 and not wrong:
                continue
            refused += 1
            one_line = done.stderr.count(b"\n") == 1 and b"space" in done.stderr
            if before or wrong or done.returncode != 4 or not one_line:
                bad += 1
                if not control:
                    say("full: %d %s %s" % (done.returncode, done.stderr.decode().strip(), wrong))
            if control and bad:
                break
            if refused % 5 == 0:
                break
    os.unlink(ballast)
    after = pair.add(size=30000, check=False)
    bad += after.returncode != 0 or bool(pair.wrong())
    report(name, trials, bad, "%d refused adds" % refused, control)


def with_small_disk(where, use):
    """Calls use(mount point) on a tmpfs of 4 MB; says why if there can be none."""
    mount = os.path.join(where, "disk")
    os.makedirs(mount, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", mount],
                          capture_output=True, text=True)
    if done.returncode:
        report("full disk", 0, 0, "skipped: " + (done.stderr.strip() or "mount failed"))
        return
    try:
        use(mount)
    finally:
        subprocess.run(["umount", "-l", mount], check=False)


def main():
    where, long = sys.argv[1], sys.argv[2] == "long"
    crowd(Pair(os.path.join(where, "crowd")), 8, 200 if long else 12, "many writers")
    crowd(Pair(os.path.join(where, "crowd-control"), "no-lock"), 8, 12,
          "many writers, without the lock", control=True)
    held(Pair(os.path.join(where, "held"), tasks=100000), 60 if long else 2, "an old version held")
    held(Pair(os.path.join(where, "held-control"), "no-lease"), 2,
         "an old version held, without the lease", control=True)

    def full(mount):
        fill(Pair(os.path.join(mount, "full"), tasks=2000), "full disk")
        shutil.rmtree(os.path.join(mount, "full"))
        fill(Pair(os.path.join(mount, "full-control"), "in-place"), "full disk, in place", True)

    with_small_disk(where, full)


main()
