"""Which files a process may open, said to Linux once and for good (Landlock, from Linux 5.13)."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable

CREATE, ADD, RESTRICT = 444, 445, 446
"""The system calls' numbers, the same on every machine."""
ASK_VERSION = 1
BENEATH = 1

EXECUTE, WRITE, READ, LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""Version -> how many rights over files it knows: the lowest bits of a number."""
TCP = 0b11
SCOPES = 0b11
"""Not to signal other processes, and not to reach them by abstract sockets."""


def restrict_files(libc: ctypes.CDLL, readable: Iterable[str], writable: Iterable[str] = ()) -> bool:
    """True when only these files and folders can be read and only those written; False where the system cannot.

    A process needs ``PR_SET_NO_NEW_PRIVS`` first. Files that are open stay open.
    """
    version = libc.syscall(CREATE, None, ctypes.c_size_t(0), ASK_VERSION)
    if version < 1:
        return False
    n_rights = max(count for since, count in RIGHTS.items() if since <= version)
    handled = [(1 << n_rights) - 1]
    handled += [TCP] if version >= 4 else []
    handled += [SCOPES] if version >= 6 else []
    rules = struct.pack(f"={len(handled)}Q", *handled)
    ruleset = libc.syscall(CREATE, rules, ctypes.c_size_t(len(rules)), 0)
    if ruleset < 0:
        return False
    try:
        for path in readable:
            _allow(libc, ruleset, path, READ | LIST)
        for path in writable:
            _allow(libc, ruleset, path, READ | WRITE)
        return bool(libc.syscall(RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there need not be allowed
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= ~LIST
        libc.syscall(ADD, ruleset, BENEATH, struct.pack("=Qi", rights, opened), 0)
    finally:
        os.close(opened)
