"""readers - strict readers of every kind against a writer at full speed.

    readers.py DIRECTORY SECONDS

Control: the same with the lease left out.
"""

import json
import os
import subprocess
import sys
import threading

from pair import TOOLS, Pair, report


def feed(pair, seconds, stop, out):
    """The writer at full speed: the driver by itself, the real program through its pipe."""
    if not pair.real:
        command = [pair.driver, "spin", pair.base, str(seconds), "400"]
        out["adds"] = json.loads(subprocess.check_output(command, env=pair.env))["adds"]
        return
    process = subprocess.Popen(pair.writer(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               bufsize=0, env=pair.env)
    while not stop.is_set():
        process.stdin.write(pair.rows(1, 400)[1])
        process.stdout.read(4096)  # its acknowledgement
        out["adds"] += 1
    process.stdin.close()
    process.wait()


def file_system(path):
    return subprocess.check_output(["stat", "-f", "-c", "%T", path], text=True).strip()


def read(pair, seconds):
    """Runs all readers beside the writer; the sums of what they saw, and the number of adds."""
    kinds = ["read", "slow", "old"]
    if file_system(pair.where) != "overlayfs":  # there a mapping cannot be seen: kv-state(5)
        kinds.append("mmap")
    plan = [(pair.tmp, kind, pair.array, pair.counters[0]) for kind in kinds]
    plan += [(pair.state, "read", pair.ids, pair.counters[1])]
    out, stop = {"adds": 0}, threading.Event()
    writer = threading.Thread(target=feed, args=(pair, seconds, stop, out))
    writer.start()
    readers = [
        subprocess.Popen([os.path.join(TOOLS, "reader"), path, str(seconds), kind, array, counter],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for path, kind, array, counter in plan]
    total = {"reads": 0, "invalid": 0, "miscounted": 0, "back": 0}
    for reader in readers:
        seen = json.loads(reader.communicate()[0])
        for key in total:
            total[key] += seen[key]
    stop.set()
    writer.join()
    return total, out["adds"]


def session(pair, seconds, name, control=False):
    sums = {"reads": 0, "invalid": 0, "miscounted": 0, "back": 0}
    adds = 0
    # Short sittings keep the documents small, so that there are many reads and many versions.
    sitting = 2 if seconds < 20 else 5
    for _ in range(max(1, round(seconds / sitting))):
        total, n = read(pair, sitting)
        adds += n
        for key in sums:
            sums[key] += total[key]
        pair.create()
    bad = sums["invalid"] + sums["miscounted"] + sums["back"]
    note = "%d invalid, %d miscounted, %d backwards; %d adds" % (
        sums["invalid"], sums["miscounted"], sums["back"], adds)
    report(name, sums["reads"], bad, note, control)


def main():
    where, seconds = sys.argv[1], float(sys.argv[2])
    session(Pair(os.path.join(where, "readers"), tasks=20000), seconds, "readers")
    session(Pair(os.path.join(where, "readers-control"), "no-lease"), min(seconds, 6),
            "readers, without the lease", control=True)


main()
