"""Prints random samples with their spans marked, and checks the spans.

Run from the root of the repository: `python -m training.synth.check [n] [seed]`.
"""

from __future__ import annotations

import collections
import sys
import time

from . import generate


def main() -> None:
    """Prints samples, then label counts and the speed."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for text, spans in generate(n, seed):
        at, out = 0, ""
        for s, e, label in spans:
            out += text[at:s] + "\033[7m" + text[s:e] + "\033[0m" + f"\u2039{label}\u203a"
            at = e
        print(out + text[at:])
        print("-" * 60)
    start, counts, empty, size = time.time(), collections.Counter[str](), 0, 0
    for text, spans in generate(10000, seed + 1):
        last = 0
        for s, e, label in spans:
            if not (last <= s < e <= len(text)) or text[s:e] != text[s:e].strip():
                raise ValueError(f"bad span {label} at {s}:{e}")
            last = e
            counts[label] += 1
        empty += not spans
        size += len(text)
    print(dict(counts), f"empty {empty / 100:.0f} %, {size / 10000:.0f} characters each")
    print(f"{10000 / (time.time() - start):.0f} samples/s")


if __name__ == "__main__":
    main()
