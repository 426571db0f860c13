"""powercut - the power fails on real file systems: ext4, XFS, btrfs.

    powercut.py DIRECTORY STATES

A file system on a disk that logs every write and flush (logdisk.c under a loop device) takes one-shot
adds, some of them killed. Then the power fails at STATES points of the log: what was flushed is on the
disk, of the rest some, all or none, torn or in another order. The file system is mounted again; the
documents must be whole and hold what was acknowledged; two adds must work and leave them whole. The
adds before and after the cut see different boots of the machine. Controls: a sync left out.

Needs root, FUSE, loop devices and the mkfs programs; says what is missing.
"""

import collections
import os
import random
import shutil
import struct
import subprocess
import sys
import time

from pair import TOOLS, Pair, report, say

KINDS = {  # size of the disk, mkfs, mount options
    "ext4": (64, ["mkfs.ext4", "-q"], "loop"),
    "xfs": (320, ["mkfs.xfs", "-q"], "loop,nouuid"),
    "btrfs": (128, ["mkfs.btrfs", "-q"], "loop"),
}
COMMITS = 60


def run(*command, check=True):
    return subprocess.run(command, check=check, capture_output=True, text=True)


def copy_sparse(source, target):
    run("cp", "--sparse=always", source, target)


class Disk:
    """Where one kind of file system lives, and how to leave no trace of it."""

    def __init__(self, where, kind):
        self.where = os.path.join("/dev/shm", "kv-powercut-%d-%s" % (os.getpid(), kind))
        del where  # the images are many and short-lived: memory
        self.size, self.mkfs, self.options = KINDS[kind]
        self.kind = kind
        os.makedirs(self.path("disk"))
        os.makedirs(self.path("mnt"))
        with open(self.path("base"), "wb") as f:
            f.truncate(self.size << 20)
        with open(self.path("boot"), "w") as f:
            f.write("00000000-0000-0000-0000-000000000000\n")
        run(*self.mkfs, self.path("base"))
        self.loop = self.daemon = None

    def path(self, name):
        return os.path.join(self.where, name)

    def start(self):
        copy_sparse(self.path("base"), self.path("live"))
        self.daemon = subprocess.Popen(
            [os.path.join(TOOLS, "logdisk"), self.path("disk"), self.path("live"), self.path("log")],
            stderr=subprocess.DEVNULL)
        for _ in range(100):
            if os.path.exists(self.path("disk/disk")):
                break
            time.sleep(0.05)
        self.loop = run("losetup", "-f", "--show", self.path("disk/disk")).stdout.strip()
        run("mount", "-t", self.kind, self.loop, self.path("mnt"))

    def stop(self):
        run("umount", self.path("mnt"), check=False)
        if self.loop:
            run("losetup", "-d", self.loop, check=False)
            self.loop = None
        if self.daemon:
            run("umount", self.path("disk"), check=False)
            self.daemon.wait()
            self.daemon = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.where, ignore_errors=True)

    def on_other_boot(self):
        """Words to put before a command so that it sees another boot of the machine."""
        script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"'
        return ["unshare", "-m", "sh", "-c", script, self.path("boot")]

    def log(self):
        with open(self.path("log"), "rb") as f:
            data = f.read()
        records, at = [], 0
        while at < len(data):
            offset, n = struct.unpack_from("=QQ", data, at + 1)
            records.append((data[at:at + 1], offset, data[at + 17:at + 17 + n]))
            at += 17 + n
        return records


def work(disk, pair, kills, chance):
    """The adds before the cut; acknowledged ids go into the log as marks."""
    mark = os.open(disk.path("disk/mark"), os.O_WRONLY)
    os.write(mark, b"start")
    for _ in range(COMMITS):
        count = 1 if chance.random() < 0.75 else chance.randint(2, 8)
        size = chance.choice((60, 300, 3000, 9000))
        before = set(pair.acked)
        prefix = disk.on_other_boot()
        if kills and chance.random() < 0.4:
            prefix += ["timeout", "-s", "KILL", "%.4f" % (0.001 + chance.random() * 0.03)]
        pair.add(count, size, prefix, check=False)
        new = pair.acked - before
        if new:
            os.write(mark, " ".join(new).encode())
    os.close(mark)
    if not pair.acked:
        raise OSError("no add worked on another boot (unshare)")


def survivors(pending, chance):
    """Which of the writes since the last flush reached the disk."""
    how = chance.choice(("none", "all", "some", "some", "some", "torn", "all but one", "the last"))
    if how == "none" or not pending:
        return []
    if how == "all but one":
        lost = chance.randrange(len(pending))
        return pending[:lost] + pending[lost + 1:]
    if how == "the last":
        return pending[chance.randrange(len(pending)):]
    if how == "torn":
        pieces = []
        for offset, data in pending:
            step = chance.choice((512, 4096))
            pieces += [(offset + at, data[at:at + step]) for at in range(0, len(data), step)
                       if chance.random() < 0.5]
        return pieces
    share = 1 if how == "all" else chance.random()
    kept = [w for w in pending if chance.random() < share or how == "all"]
    if how == "some" and chance.random() < 0.3:
        chance.shuffle(kept)
    return kept


def points(records, count, chance):
    start = next(i for i, r in enumerate(records) if r[0] == b"M")
    marks = [i + 1 for i, r in enumerate(records) if r[0] == b"M"]
    flushes = [i for i, r in enumerate(records) if r[0] == b"F" and i > start]
    chosen = [chance.randrange(start + 1, len(records) + 1) for _ in range(count // 2)]
    chosen += [chance.choice(marks) for _ in range(count // 4)]
    chosen += [chance.choice(flushes) for _ in range(count - len(chosen))]
    return sorted(chosen)


def after_cut(disk, pair, first_number):
    """What is wrong on the disk after the cut, and after two adds."""
    pair.next = first_number
    wrong = pair.wrong()
    for _ in range(2):
        if not wrong:
            done = pair.add(check=False)
            wrong = done.stderr.decode().strip() if done.returncode else pair.wrong()
    return wrong


def replay(disk, pair, count, chance):
    records = disk.log()
    copy_sparse(disk.path("base"), disk.path("flushed"))
    flushed = os.open(disk.path("flushed"), os.O_RDWR)
    number, applied, trials, unmountable = pair.next, 0, 0, 0
    bad = collections.Counter()
    for point in points(records, count, chance):
        last = max(i for i in range(-1, point) if i < 0 or records[i][0] == b"F")
        for kind, offset, data in records[applied:last + 1]:
            if kind == b"W":
                os.pwrite(flushed, data, offset)
        applied = max(applied, last + 1)
        pending = [r[1:] for r in records[applied:point] if r[0] == b"W"]
        copy_sparse(disk.path("flushed"), disk.path("cut"))
        cut = os.open(disk.path("cut"), os.O_RDWR)
        for offset, data in survivors(pending, chance):
            os.pwrite(cut, data, offset)
        os.close(cut)
        marks = b" ".join(r[2] for r in records[:point] if r[0] == b"M").decode().split()
        pair.acked = set(marks) - {"start"}
        if run("mount", "-t", disk.kind, "-o", disk.options, disk.path("cut"), disk.path("mnt"),
               check=False).returncode:
            unmountable += 1
            continue
        trials += 1
        wrong = after_cut(disk, pair, number)
        run("umount", disk.path("mnt"))
        if wrong:
            bad[wrong[:50]] += 1
    os.close(flushed)
    return trials, bad, unmountable


def session(where, kind, count, fault=None, kills=True):
    name = "power cut, %s%s" % (kind, ", " + fault if fault else "")
    chance = random.Random(3)
    disk = None
    try:
        disk = Disk(where, kind)
        disk.start()
        pair = Pair(disk.path("mnt/p"), fault, tasks=2000)
        run("sync", "-f", disk.path("mnt"))
        work(disk, pair, kills, chance)
        disk.stop()
        trials, bad, unmountable = replay(disk, pair, count, chance)
    except (OSError, subprocess.CalledProcessError) as e:
        report(name, 0, 0, "skipped: %s" % (getattr(e, "stderr", "") or e).strip().split("\n")[0])
        return
    finally:
        if disk:
            disk.remove()
    if bad and not fault:
        say("powercut: %s: %s" % (name, dict(bad)))
    note = ", ".join("%s %d" % item for item in bad.most_common(2))
    if unmountable:
        note += " (%d times the file system itself did not mount)" % unmountable
    report(name, trials, sum(bad.values()), note.strip(), bool(fault))


def main():
    where, count = sys.argv[1], int(sys.argv[2])
    if not os.path.exists(os.path.join(TOOLS, "logdisk")):
        report("power cut, file systems", 0, 0, "skipped: logdisk needs libfuse3-dev to be built")
        return
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        report("power cut, file systems", 0, 0, "skipped: needs root and /dev/fuse")
        return
    short = count < 100
    for kind in ["ext4"] if short else KINDS:
        session(where, kind, count)
    session(where, "ext4", count, "no-sync-first", kills=False)
    if not short:
        session(where, "ext4", count // 2, "no-sync-second", kills=False)
        session(where, "ext4", count // 2, "no-sync-names", kills=False)


main()
