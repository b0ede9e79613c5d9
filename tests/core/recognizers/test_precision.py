"""Technical text has no findings. Threat D12."""

from __future__ import annotations

import base64
import random
import string
import uuid

import pytest

from piirag.detection.recognizers import KNOWN_COUNTRIES
from piirag.detection.recognizers.cards import scheme_fits
from piirag.detection.recognizers.checksums import luhn


def generated_lines(seed: int) -> list[str]:
    """Random identifiers, hashes, figures and tables in the forms that logs and code have."""
    rng = random.Random(seed)
    hexes = lambda n: "".join(rng.choices("0123456789abcdef", k=n))  # noqa: E731
    figures = lambda n: "".join(rng.choices(string.digits, k=n))  # noqa: E731
    floats = lambda n: ", ".join(f"{rng.uniform(-99, 99):.6f}" for _ in range(n))  # noqa: E731
    lines = []
    for _ in range(40):
        lines += [
            str(uuid.UUID(int=rng.getrandbits(128))),
            f"request_id={uuid.UUID(int=rng.getrandbits(128))} took {rng.randint(1, 999)} ms",
            f"commit {hexes(40)}",
            f"{hexes(64)}  dist/app-{rng.randint(1, 9)}.{rng.randint(0, 99)}.tar.gz",
            f"{hexes(7)} {hexes(8)} {hexes(12)} {hexes(32)}",
            " ".join(hexes(2) for _ in range(16)),
            f"0x{hexes(8)} 0x{hexes(16)} 0x{hexes(64)}",
            base64.b64encode(rng.randbytes(48)).decode(),
            f'"integrity": "sha512-{base64.b64encode(rng.randbytes(64)).decode()}"',
            f"[{floats(6)}]",
            f"({floats(3)})",
            f"order {figures(8)}, {rng.randint(1, 99)} items, {rng.uniform(1, 999):.2f}",
            f"{rng.randint(1, 30)}.{rng.randint(0, 99)}.{rng.randint(0, 9999)}",
            f"ts={rng.randint(1_500_000_000, 1_900_000_000)} id={rng.randint(1, 10**6)}",
            f"{rng.randint(1_500_000_000_000, 1_900_000_000_000)} ms",
            f"build-{figures(5)} worker-{figures(2)} shard-{figures(3)}",
        ]
    return lines


def test_D12_at_least_three_hundred_lines(clean_lines):
    assert len(clean_lines) >= 300
    assert len(set(clean_lines)) == len(clean_lines)


def test_D12_clean_lines_have_no_findings(clean_lines, find):
    found = {line: hits for line in clean_lines if (hits := find(line))}
    assert not found


def test_D12_clean_text_as_a_whole_has_no_findings(clean_lines, find):
    """Lines one below the other must not lend each other labels, headers or columns."""
    assert not find("\n".join(clean_lines))
    assert not find("\n\n".join(reversed(clean_lines)))


@pytest.mark.parametrize("seed", range(3))
def test_D12_generated_lines_have_no_findings(seed, find):
    found = {line: hits for line in generated_lines(seed) if (hits := find(line))}
    assert not found


def test_D12_with_all_countries_on_at_most_one_line_in_a_hundred(clean_lines, find):
    lines = clean_lines + generated_lines(99)
    found = {line: hits for line in lines if (hits := find(line, *KNOWN_COUNTRIES))}
    assert len(found) * 100 <= len(lines), found


def test_D12_context_words_count_as_words_only(find):
    assert not find("import port 27017 and report 10115", "de")  # "ort" is no place here
    assert not find("checksum 123456789 saved to debitage", "us", "ca", "au")


def test_D12_figures_of_sixteen_digits_are_cards_only_by_scheme_and_check_digit(find):
    rng = random.Random(5)
    for _ in range(2000):
        number = "".join(rng.choices(string.digits, k=16))
        if not (luhn(number) and scheme_fits(number)):
            assert not find(number)
            assert not find(" ".join(number[i : i + 4] for i in range(0, 16, 4)))
