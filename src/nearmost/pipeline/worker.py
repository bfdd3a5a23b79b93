"""A process that encodes pages for another: lines of first record and their number in, a checksum or an error out.

    python -m nearmost.pipeline.worker FOLDER SPEC PARENT

It ends when its input does, and writes nothing once its parent is gone: another run may own the folder by then.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from nearmost import store
from nearmost.encoders import load_encoder
from nearmost.errors import NearmostError
from nearmost.pipeline.crew import encode_page


def work(folder: Path, spec: str, parent: int) -> None:
    """Answers until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and ends this process
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no reply
    learned = folder / "learned"
    encoder = load_encoder(spec, state=store.read(learned).arrays if learned.exists() else None)
    for line in sys.stdin:
        start, rows = map(int, line.split())
        try:
            found = encode_page(folder, encoder, start, rows, wanted=lambda: os.getppid() == parent)
            reply: dict[str, object] = {"checksum": found}
        except OSError as error:
            reply = {"errno": error.errno, "error": error.strerror, "file": error.filename}
        except NearmostError as error:
            reply = {"error": str(error)}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
