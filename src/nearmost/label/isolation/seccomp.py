"""A filter for system calls that keeps a process from the network, from other processes and from what files are.

The kernel runs the filter (seccomp, in the instructions of BPF) before each call. What is not named here is allowed:
which files may be opened is for ``landlock`` to say.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""Machine -> its number in the kernel, and its column below."""

FORBIDDEN: dict[str, tuple[int, int]] = {
    # no network, no other programs
    "socket": (41, 198),
    "io_uring_setup": (425, 425),  # can do by itself what other calls are forbidden to
    "fork": (57, -1),
    "vfork": (58, -1),
    "execve": (59, 221),
    "execveat": (322, 281),
    # no hand on other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # nothing that outlives the process
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # owners, rights and times of files, which Landlock leaves open
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "fchown": (93, 55),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "utimensat": (280, 88),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # doors into the kernel that Python does not need
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "personality": (135, 92),
    "syslog": (103, 116),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
}
OWN_ONLY: dict[str, tuple[int, int]] = {"kill": (62, 129), "tgkill": (234, 131), "prlimit64": (302, 261)}
"""Allowed where the first argument is the process itself."""
CLONE, CLONE3, FCNTL = (56, 220), (435, 435), (72, 25)
THREAD = 0x10000
SET_OWNER = (8, 15)
"""What makes fcntl send signals to another process."""

LOAD, EQUAL, AT_LEAST, ANY_BIT, GIVE = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
NUMBER, ARCHITECTURE, FIRST, SECOND = 0, 4, 16, 24
"""Where a call's number, machine and arguments lie (their lower halves, on machines with the low byte first)."""
OTHER_ABI = 0x40000000
"""Numbers from here are x86-64's second set of calls."""

NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER = 38, 22, 2


def filter_calls(libc: ctypes.CDLL) -> bool:
    """True when the filter is in force for this process for good; False where the system has none."""
    known = ARCHITECTURES.get(platform.machine())
    if known is None:
        return False
    code = program(*known, os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    given = Program(len(code) // 8, ctypes.addressof(buffer))
    return bool(
        libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
        and libc.prctl(SET_SECCOMP, FILTER, ctypes.byref(given), 0, 0) == 0
    )


def program(architecture: int, column: int, pid: int) -> bytes:
    """The filter's instructions, for a machine and a process."""
    refuse, no_such_call = REFUSE | errno.EPERM, REFUSE | errno.ENOSYS
    code = [
        _step(LOAD, ARCHITECTURE),
        _step(EQUAL, architecture, 1, 0),
        _step(GIVE, KILL),
        _step(LOAD, NUMBER),
        _step(AT_LEAST, OTHER_ABI, 0, 1),
        _step(GIVE, KILL),
    ]
    for numbers in FORBIDDEN.values():
        if numbers[column] >= 0:
            code += [_step(EQUAL, numbers[column], 0, 1), _step(GIVE, refuse)]
    # glibc asks for clone3 first, whose flags a filter cannot see, and takes clone where there is none
    code += [_step(EQUAL, CLONE3[column], 0, 1), _step(GIVE, no_such_call)]
    code += [
        _step(EQUAL, CLONE[column], 0, 4),
        _step(LOAD, FIRST),
        _step(ANY_BIT, THREAD, 0, 1),
        _step(GIVE, ALLOW),
        _step(GIVE, refuse),
    ]
    code += [
        _step(EQUAL, FCNTL[column], 0, 5),
        _step(LOAD, SECOND),
        _step(EQUAL, SET_OWNER[0], 1, 0),
        _step(EQUAL, SET_OWNER[1], 0, 1),
        _step(GIVE, refuse),
        _step(GIVE, ALLOW),
    ]
    for name, numbers in OWN_ONLY.items():
        own = [_step(EQUAL, pid, 1, 0)]
        if name == "prlimit64":  # 0 is the process itself here, and its whole group for kill
            own = [_step(EQUAL, pid, 2, 0), _step(EQUAL, 0, 1, 0)]
        code += [_step(EQUAL, numbers[column], 0, len(own) + 3), _step(LOAD, FIRST), *own]
        code += [_step(GIVE, refuse), _step(GIVE, ALLOW)]
    return b"".join([*code, _step(GIVE, ALLOW)])


def _step(operation: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", operation, if_true, if_false, value)
