"""Words of a dictionary for the list of words that are part of no name.

`python -m training.export` makes `words.txt`, beside the weights, of the word pieces that are
whole words. What a dictionary has in lower case is added by

    python -m training.words /usr/share/dict/american-english [--out piirag/detection/ner/weights]

The dictionary was Debian's `wamerican` 2020.12.07. It lists names in capitals, so that what it
lists in lower case alone is a word.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from training.synth.replace import names_and_places

OUT = Path("piirag/detection/ner/weights")

# A line with one of these may be an address though its other words are plain.
ADDRESSES = frozenset(
    """street road avenue lane drive court flat apartment suite floor box po way square place
    close house boulevard terrace crescent st rd ave dr blvd apt unit building block plaza
    highway row hill park gardens village farm cottage estate room""".split()
)
_SHORTEST = 3


def dictionary_words(words: Iterable[str]) -> list[str]:
    """Words that a dictionary has in lower case only, and that are on no list of names or places
    of the training data.
    """
    given = set(words)
    proper = {w.lower() for w in given if not w.islower()}
    out = proper | names_and_places() | ADDRESSES
    return sorted(
        w
        for w in given
        if w.islower() and w.isascii() and w.isalpha() and len(w) >= _SHORTEST and w not in out
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dictionary", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    path = args.out / "words.txt"
    before = path.read_text("utf8").split("\n")
    more = dictionary_words(args.dictionary.read_text("utf8").split("\n"))
    path.write_text("\n".join(dict.fromkeys([*before, *more])), "utf8")
    print(f"{len(more)} words of the dictionary; {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
