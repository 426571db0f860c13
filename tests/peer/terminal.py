#!/usr/bin/python3
"""terminal - runs a command on a terminal of its own and prints what it wrote there.

    terminal.py [-c COLUMNS] [-i REGEX] COMMAND [ARGUMENT...]

With -i the interrupt character is typed once, as soon as the output matches. The exit status is the
command's.
"""
import argparse
import fcntl
import os
import pty
import re
import struct
import sys
import termios

options = argparse.ArgumentParser()
options.add_argument("-c", type=int, default=80)
options.add_argument("-i")
options.add_argument("command", nargs=argparse.REMAINDER)
given = options.parse_args()

ready, go = os.pipe()
pid, fd = pty.fork()
if pid == 0:
    os.read(ready, 1)  # until the terminal has its size
    os.execvp(given.command[0], given.command)
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, given.c, 0, 0))
os.write(go, b"x")
seen = b""
while True:
    try:
        piece = os.read(fd, 4096)
    except OSError:  # nobody has it open any more
        break
    if not piece:
        break
    seen += piece
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
    if given.i and re.search(given.i.encode(), seen):
        os.write(fd, b"\x03")
        given.i = None
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
