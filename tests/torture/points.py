"""points - the writer is killed before each of its system calls, and each call fails in each way.

    points.py DIRECTORY short|long

strace does it. The situations in which the writer is met: an ordinary add; without its control
record; without a spare; after a writer that died between the two exchanges; on the portable path.
After each: the documents are whole and hold what was acknowledged, the next add works, and they are
whole again. Control: a writer that appends to the visible documents.
"""

import os
import re
import subprocess
import sys

from pair import Pair, report, say

# Only what a commit does with files; start-up and reading the rows are other people's code.
CALLS = ("openat newfstatat fstat pread64 pwrite64 fcntl flock ftruncate fdatasync fsync renameat2 "
         "renameat close sync_file_range ioctl unlinkat fchmod fchown fstatfs getrandom").split()
ERRORS = {
    "openat": "EMFILE EACCES EIO",
    "newfstatat": "EIO",
    "pread64": "EIO EINTR",
    "pwrite64": "ENOSPC EIO EDQUOT EINTR",
    "fcntl": "EAGAIN EACCES EINVAL",
    "flock": "EINTR ENOLCK",
    "ftruncate": "EIO EINTR",
    "fdatasync": "EIO ENOSPC EINTR",
    "fsync": "EIO EINTR",
    "renameat2": "EINVAL ENOSYS EIO EPERM ENOSPC EXDEV",
    "renameat": "EIO ENOSPC",
    "close": "EIO",
    "sync_file_range": "EIO ENOSYS",
    "ioctl": "EOPNOTSUPP",
    "unlinkat": "EIO",
    "fchmod": "EPERM",
    "fstatfs": "EIO",
}


def hidden(pair, suffix):
    path = os.path.join(pair.where, ".r" + suffix)
    if os.path.exists(path):
        os.unlink(path)


def after_death_between(pair):
    pair.add(prefix=strace("renameat2", "signal=KILL", 2), check=False)


SITUATIONS = {
    "plain": lambda pair: None,
    "no record": lambda pair: hidden(pair, ".lock"),
    "no spare": lambda pair: hidden(pair, ".tmp.spare0"),
    "after a death between": after_death_between,
}


def strace(call, what, when, log="/dev/null"):
    # With --seccomp-bpf only the calls that are meant are stopped at; strace cannot kill then.
    quick = ["--seccomp-bpf"] if what.startswith("error") else []
    return ["strace", "-f"] + quick + ["-o", log, "-e", "trace=" + call,
                                       "-e", "inject=%s:%s:when=%d" % (call, what, when)]


class Points:
    def __init__(self, pair, control):
        self.pair, self.control = pair, control
        self.trials = self.bad = self.tolerated = 0

    def judge(self, where, returncode=None):
        self.trials += 1
        wrong = self.pair.wrong()
        if not wrong:
            after = self.pair.add(check=False)
            wrong = after.stderr.decode() if after.returncode else self.pair.wrong()
        if wrong:
            self.bad += 1
            if not self.control:
                say("points: %s: %s" % (where, wrong.strip()))
            self.pair.create()
        if returncode == 0:
            self.tolerated += 1

    def prepare(self, situation):
        if self.pair.next > 400:
            self.pair.create()
        self.pair.add()
        SITUATIONS[situation](self.pair)

    def kill_everywhere(self, situation, calls):
        for call in calls:
            for when in range(1, 80):
                self.prepare(situation)
                done = self.pair.add(prefix=strace(call, "signal=KILL", when), check=False)
                if done.returncode >= 0 and done.returncode != 137:
                    break
                self.judge("%s, killed before %s %d" % (situation, call, when))

    def fail_everywhere(self, situation, errors):
        log = os.path.join(self.pair.where, "log")
        for call, names in errors.items():
            for error in names.split():
                for when in range(1, 60):
                    self.prepare(situation)
                    done = self.pair.add(
                        prefix=strace(call, "error=" + error, when, log), check=False)
                    with open(log, errors="replace") as f:
                        hit = "(INJECTED)" in f.read()
                    if not hit:
                        break
                    where = "%s, %s at %s %d" % (situation, error, call, when)
                    if done.returncode not in (0, 1, 3, 4, 127):
                        say("points: %s: exit status %d" % (where, done.returncode))
                        self.bad += 1
                    self.judge(where, done.returncode)


def session(where, name, kills, errors, situations, control=False, **kind):
    pair = Pair(os.path.join(where, re.sub(r"\W", "-", name)), tasks=500, **kind)
    if kills:
        points = Points(pair, control)
        for situation in situations:
            points.kill_everywhere(situation, kills)
        if not points.trials:
            raise RuntimeError("nobody was killed")
        report("killed before each call, " + name, points.trials, points.bad,
               ", ".join(situations), control)
    if errors:
        points = Points(pair, control)
        for situation in situations:
            points.fail_everywhere(situation, errors)
        report("each error of each call, " + name, points.trials, points.bad,
               "%d tolerated" % points.tolerated, control)


def main():
    where, long = sys.argv[1], sys.argv[2] == "long"
    writing = ("pwrite64", "fdatasync", "renameat2", "fsync")
    if long:
        session(where, "all", CALLS, ERRORS, list(SITUATIONS))
        session(where, "no leases", CALLS, ERRORS, ["plain"], program="doc-driver-portable")
    else:
        session(where, "writing calls", writing, {c: ERRORS[c].split()[0] for c in writing}, ["plain"])
    session(where, "in place", ("pwrite64",), {"pwrite64": "ENOSPC"}, ["plain"], control=True,
            fault="in-place")


if subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL).returncode:
    report("system call points", 0, 0, "skipped: strace cannot trace here")
else:
    main()
