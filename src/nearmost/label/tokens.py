"""Words and marks of English text, near enough to spaCy's to read token numbers that it gave out."""

from __future__ import annotations

import re

CONTRACTION = r"(?i:n['’]t|['’](?:s|m|re|ve|ll|d)(?!\w))"
TOKEN = re.compile(
    r"""
    (?P<space>(?<=\s)\s+|^\s+)                                   # more than one space is a token of its own
  | (?:https?://|www\.)\S+?(?=[.,;:!?)"'\]]*(?:\s|$))            # addresses of pages
  | [\w.+-]+@[\w-]+\.[\w.]+                                      # and of people
  | (?:[A-Z]\.)+(?=\s|$|[^\w.])                                  # U.S., J.
  | (?:Mr|Mrs|Ms|Dr|Inc|Corp|Co|Ltd|St|Jr|Sr|Gov|Sen|Rep|Gen|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec|vs|No)\.(?!\w)
  | \d+(?:[.,:/]\d+)*(?:st|nd|rd|th|s)?(?!\w)                    # 1,000.5 and 12:30
  | \.{2,}|--+                                                   # dots and dashes in a row
  | \w+?(?=n['’]t(?!\w))                                         # do n't
  | """
    + CONTRACTION
    + r"""
  | \w+(?:[.&/]\w+)*                                             # words, AT&T and .com within them
  | \S
    """,
    re.VERBOSE,
)


def tokens(text: str) -> list[tuple[int, int]]:
    """Where each token starts and ends, in characters."""
    return [match.span() for match in TOKEN.finditer(text)]
