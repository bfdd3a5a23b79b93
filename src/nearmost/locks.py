"""Files that one process writes at a time."""

from __future__ import annotations

import fcntl


def alone(handle: int) -> bool:
    """Whether this process alone holds the open file or folder now: until the handle is closed, or the process ends.

    On a file system without locks nobody can tell, and it is taken to.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
