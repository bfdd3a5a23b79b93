"""Gives up, for good, what a process could do harm with. What the system cannot take away is told."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import sysconfig
import threading

from nearmost.label.isolation.landlock import restrict_files
from nearmost.label.isolation.seccomp import filter_calls

NO_NEW_PRIVILEGES, PARENT_DEATH_SIGNAL = 38, 1
NEW_USER, NEW_NETWORK, NEW_IPC, NEW_UTS = 0x10000000, 0x40000000, 0x08000000, 0x04000000
CAPSET = {"x86_64": 126, "aarch64": 91}
CAPABILITY_VERSION = 0x20080522

LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/nix/store")
FILES = ("/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
OPEN_FILES = 64
THREADS = 256
"""Where processes of the same user are not counted along, that is in a namespace of our own."""


def lock_down(*, memory: int, seconds: float, readable: list[str]) -> tuple[str, ...]:
    """What could not be taken away, of "files", "network", "processes" and "memory": nothing, where all is well.

    From now on this process can write no file, open only Python's own files and ``readable``, reach no network and
    no other process and start none, and use only ``memory`` more bytes and ``seconds`` of processor time.
    """
    open_to = _limit(memory, seconds)
    alone = threading.active_count() == 1 and _n_threads() == 1
    if sys.platform != "linux":
        return tuple(sorted({"files", "network", "processes", *open_to}))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    libc.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0 or not alone:  # all below binds the thread that asks for it
        return ("files", "network", "processes", *open_to)
    # A network of its own in which nothing answers: a second wall where it can be had, for the filter forbids sockets.
    if libc.unshare(NEW_USER | NEW_NETWORK | NEW_IPC | NEW_UTS) != 0:
        libc.unshare(NEW_NETWORK | NEW_IPC | NEW_UTS)
    _drop_capabilities(libc)
    _set("RLIMIT_NPROC", THREADS)
    if not restrict_files(libc, [*_python(), *LIBRARIES, *FILES, *readable], ["/dev/null"]):
        open_to.append("files")
    if not filter_calls(libc):
        open_to += ["network", "processes"]
    return tuple(sorted(open_to))


def _limit(memory: int, seconds: float) -> list[str]:
    """Sets the limits that every Unix has; gives what it could not limit."""
    try:
        import resource
    except ImportError:  # Windows
        return ["memory"]
    used = 0
    with contextlib.suppress(OSError), open("/proc/self/statm", "rb") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    processor = int(seconds) + 2
    wanted = {
        "RLIMIT_AS": used + memory,
        "RLIMIT_CPU": processor,
        "RLIMIT_FSIZE": 0,
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": OPEN_FILES,
        "RLIMIT_MEMLOCK": 0,
    }
    if sys.platform != "linux":  # there the filter forbids processes, and this would forbid threads as well
        wanted["RLIMIT_NPROC"] = 0
    done = {name: _set(name, value) for name, value in wanted.items()}
    enforced = sys.platform == "linux"  # macOS takes the number and lets memory grow
    return [] if done["RLIMIT_AS"] and enforced else ["memory"]


def _set(name: str, value: int) -> bool:
    """Whether the limit is in force now, for good."""
    import resource

    try:
        resource.setrlimit(getattr(resource, name), (value, value))
    except (AttributeError, ValueError, OSError):
        return False
    return True


def _n_threads() -> int:
    """Threads of this process, those that libraries started too."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def _python() -> list[str]:
    """Where Python and its packages lie."""
    folders = {path for path in sys.path if os.path.isabs(path)}
    installed = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return sorted(folders | installed | {os.path.join(sys.base_prefix, "lib")})


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """A process of root's keeps none of root's rights but that of owning root's files."""
    number = CAPSET.get(os.uname().machine)
    if number is not None:
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
        libc.syscall(number, header, (ctypes.c_uint32 * 6)())
