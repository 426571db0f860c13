"""crash - what a power cut could leave, by a model of POSIX that promises as little as possible.

    crash.py DIRECTORY STATES

The real system calls of one-shot adds are recorded by strace and replayed. At every point the power
fails, STATES times: of each file, what was written since it was last synced is there, missing, or
torn page by page, with any size it had since; of the directory, a beginning of the changes since it
was last synced has happened. Syncing a file says nothing of its name. The documents must be whole in
every state and hold what was acknowledged. Controls: each sync left out; the order turned round.
"""

import collections
import json
import os
import random
import re
import subprocess
import sys

from pair import Pair, refuse, report, say

CALLS = ("openat,close,pwrite64,write,ftruncate,fdatasync,fsync,renameat2,renameat,rename,unlinkat,"
         "unlink,ioctl,copy_file_range")
ADDS = 14
PAGE = 4096


# ---- recording ----

def unescape(text):
    return bytes(int(x, 16) for x in re.findall(r"\\x([0-9a-f]{2})", text))


def calls(log):
    """(process, call, arguments, result) of every call that succeeded, in order."""
    waiting = {}
    with open(log, errors="replace") as f:
        for line in f:
            process, text = line.rstrip("\n").split(None, 1)
            if text.endswith("<unfinished ...>"):
                waiting[process] = text[:-len("<unfinished ...>")]
                continue
            resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
            if resumed:
                text = waiting.pop(process, "") + resumed.group(1)
            parsed = re.match(r"(\w+)\((.*)\)\s+= (-?\d+)", text)
            if parsed and int(parsed.group(3)) >= 0:
                yield process, parsed.group(1), parsed.group(2), int(parsed.group(3))


class Recorder:
    """Turns recorded calls into operations on files (by number) and on the one directory."""

    def __init__(self, contents):
        self.count = len(contents)
        self.names = {name: number for number, name in enumerate(sorted(contents))}
        self.operations = []
        self.open = {}

    def file_of(self, process, descriptor):
        return self.open.get((process, descriptor))

    def name(self, text):
        return os.path.basename(unescape(text).decode())

    def take(self, process, call, arguments, result):
        first = re.match(r"\d+", arguments)
        number = self.file_of(process, first.group()) if first else None
        strings = re.findall(r'"([^"]*)"', arguments)
        if call == "openat":
            self.take_open(process, arguments, strings[0], result)
        elif call == "close":
            self.open.pop((process, first.group()), None)
        elif call == "pwrite64" and isinstance(number, int):
            offset = int(arguments.rsplit(",", 1)[1])
            self.operations.append(("write", number, offset, unescape(strings[0])[:result]))
        elif call == "ftruncate" and isinstance(number, int):
            self.operations.append(("cut", number, int(arguments.split(",")[1])))
        elif call in ("fdatasync", "fsync") and number is not None:
            self.operations.append(("names",) if number == "dir" else ("sync", number))
        elif call in ("renameat2", "renameat", "rename"):
            self.take_rename(self.name(strings[0]), self.name(strings[1]), "EXCHANGE" in arguments)
        elif call in ("unlinkat", "unlink"):
            if self.names.pop(self.name(strings[0]), None) is not None:
                self.operations.append(("remove", self.name(strings[0])))
        elif call in ("ioctl", "copy_file_range") and isinstance(number, int):
            raise RuntimeError("the recorder does not know " + call)

    def take_open(self, process, arguments, text, result):
        path = unescape(text).decode()
        key = (process, str(result))
        if "O_DIRECTORY" in arguments and not path.startswith("/etc"):
            self.open[key] = "dir"
        elif "/" in path and not arguments.startswith("AT_FDCWD"):
            self.open.pop(key, None)
        elif not path.startswith("/") or path in self.paths:
            name = os.path.basename(path)
            if "O_CREAT" in arguments and name not in self.names:
                self.names[name] = self.count
                self.operations.append(("create", name, self.count))
                self.count += 1
            self.open[key] = self.names.get(name)
        else:
            self.open.pop(key, None)

    paths = ()

    def take_rename(self, old, new, exchange):
        if exchange:
            self.names[old], self.names[new] = self.names[new], self.names[old]
        else:
            self.names[new] = self.names.pop(old)
        self.operations.append(("exchange" if exchange else "rename", old, new))


def record(pair, kill_names):
    """Adds rows under strace, now and then without the record or by a writer that dies between
    publishing and acknowledging. Returns the first contents and the operations."""
    contents = {}
    for name in os.listdir(pair.where):
        with open(os.path.join(pair.where, name), "rb") as f:
            contents[name] = f.read()
    recorder = Recorder(contents)
    recorder.paths = {os.path.join(pair.where, n) for n in ("r.tmp", "r.state", ".r.lock")}
    chance = random.Random(7)
    log = os.path.join(os.path.dirname(pair.where), "strace.log")
    for i in range(ADDS):
        if i % 7 == 5:
            os.unlink(os.path.join(pair.where, ".r.lock"))
            recorder.names.pop(".r.lock")
            recorder.operations.append(("remove", ".r.lock"))
        prefix = ["strace", "-f", "-xx", "-s", "3000000", "-o", log, "-e", "trace=" + CALLS]
        if kill_names and i % 3 == 1:
            prefix += ["-e", "inject=fsync:signal=KILL:when=1"]
        before = set(pair.acked)
        pair.add(1 if i % 4 else 3, chance.choice((60, 300, 1500, 5000, 9000)), prefix, check=False)
        for one in calls(log):
            recorder.take(*one)
        recorder.operations.append(("ack", pair.acked - before))
    return contents, recorder.operations


# ---- replaying ----

def write(data, offset, piece):
    data = data.ljust(offset, b"\0")
    return data[:offset] + piece + data[offset + len(piece):]


class File:
    def __init__(self, data):
        self.versions = [data]  # since the last sync; the first is on the medium

    def change(self, operation):
        now = self.versions[-1]
        if operation[0] == "write":
            now = write(now, operation[2], operation[3])
        else:
            now = now[:operation[2]].ljust(operation[2], b"\0")
        self.versions.append(now)

    def sync(self):
        del self.versions[:-1]

    def after_crash(self, how, chance):
        if len(self.versions) == 1 or how == "old":
            return self.versions[0]
        if how == "new":
            return self.versions[-1]
        out = bytearray(len(chance.choice(self.versions)))
        step = 512 if chance.random() < 0.3 else PAGE
        for at in range(0, len(out), step):
            piece = chance.choice(self.versions)[at:min(at + step, len(out))]
            out[at:at + len(piece)] = piece
        return bytes(out)


def move(names, operation):
    kind = operation[0]
    if kind == "create":
        names[operation[1]] = operation[2]
    elif kind == "remove":
        names.pop(operation[1], None)
    elif kind == "rename":
        names[operation[2]] = names.pop(operation[1])
    else:
        old, new = operation[1:]
        names[old], names[new] = names[new], names[old]


class Replay:
    def __init__(self, pair, contents, states):
        self.pair, self.states = pair, states
        self.files = {i: File(contents[name]) for i, name in enumerate(sorted(contents))}
        self.names = {name: i for i, name in enumerate(sorted(contents))}
        self.changes = []  # of names, since the directory was synced
        self.chance = random.Random(11)
        self.trials = 0
        self.bad = collections.Counter()
        pair.acked = set()

    def apply(self, operation):
        kind = operation[0]
        if kind in ("write", "cut"):
            self.files[operation[1]].change(operation)
        elif kind == "sync":
            self.files[operation[1]].sync()
        elif kind == "names":
            for change in self.changes:
                move(self.names, change)
            self.changes = []
        elif kind == "ack":
            self.pair.acked |= operation[1]
        else:
            if kind == "create":
                self.files[operation[2]] = File(b"")
            self.changes.append(operation)

    def crash(self, how, happened):
        names = dict(self.names)
        for change in self.changes[:happened]:
            move(names, change)
        self.trials += 1
        try:
            read = [json.loads(self.files[names[n]].after_crash(how, self.chance).decode(),
                               parse_constant=refuse) for n in ("r.tmp", "r.state")]
            wrong = self.pair.disagreement(*read)
        except (ValueError, KeyError):
            wrong = "invalid"
        if wrong:
            self.bad[wrong] += 1

    def crash_everywhere(self):
        extremes = [(how, n) for how in ("old", "new") for n in (0, len(self.changes))]
        for how, happened in extremes[:self.states]:
            self.crash(how, happened)
        for _ in range(self.states - len(extremes)):
            self.crash("mixed", self.chance.randint(0, len(self.changes)))


def session(where, name, states, fault=None, kill_names=False):
    pair = Pair(os.path.join(where, "crash"), fault, tasks=60)
    contents, operations = record(pair, kill_names)
    replay = Replay(pair, contents, states)
    for operation in operations:
        replay.apply(operation)
        replay.crash_everywhere()
    if not fault:
        for wrong, count in replay.bad.items():
            say("crash: %s: %s, %d times" % (name, wrong, count))
    kinds = ", ".join("%s %d" % item for item in replay.bad.most_common(2))
    report(name, replay.trials, sum(replay.bad.values()),
           kinds or "%d operations of %d adds" % (len(operations), ADDS), bool(fault))


def main():
    where, states = sys.argv[1], int(sys.argv[2])
    session(where, "power cut, model", states)
    session(where, "power cut, model, after kills", states, kill_names=True)
    for fault in ("no-sync-first", "no-sync-second", "no-sync-names", "second-first"):
        session(where, "power cut, model, " + fault, min(states, 12), fault)
    session(where, "power cut, model, no-sync-before", states, "no-sync-before", kill_names=True)


if subprocess.run(["strace", "-o", "/dev/null", "true"], stderr=subprocess.DEVNULL).returncode:
    report("power cut, model", 0, 0, "skipped: strace cannot trace here")
else:
    main()
