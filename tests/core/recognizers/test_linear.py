"""Time is linear in the text, whatever it holds. Threat D8."""

from __future__ import annotations

import time

import pytest
from presidio_analyzer import EntityRecognizer

from piirag.detection.recognizers import extra_recognizers

SMALL, LARGE = 2_000, 8_000
# Four times the text takes about four times as long; a quadratic pattern takes sixteen times.
MOST = 10
WORTH_MEASURING = 0.004  # seconds; less is lost in the noise

HOSTILE = [
    "9", "9 ", "9-", "1.1", "1.12345, ", "a", "A", "a1", "A1", "aA", "AB12 ", " ", ".", ". ", "(",
    ",", ",,", "\n", "\n,", "a,b\n", '"', '","', "|", "| a ", "\t", "-", "_", "/", ":", "=", "#",
    "<td>", "<", ">", "://", "://a:", "://a:b", "0x", "0x1", "bc1q", "1A", "eyJ", "eyJhbGciOiJ.",
    "eyJhbGciOiJ.aaaa.", "Bearer ", "Bearer aaaaaaaaaaaaaaaaaaaaaa", "Basic YTpi", "sk-", "sk-a",
    "sk-ant-", "glpat-aaaaaaaaaaaaaaaaaaaaaa", "xoxb-1-", "ghp_", "AKIA", ":AA", "-us1",
    "hooks.slack.com/services/", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", "Private-Lines: 1\naaaa\n",
    "dob,", "dob,x\n", "dob\n", "dob: ", "dob|", '"dob",', "dob (", "dob is ", "userDob", "user_",
    "born in the ", "b. ", "(*1", "2 Mar ", "Mar 2 ", "1950-01-01 ", "1950-1",
    "passport ", "passport no. ", "passport is the ", "MRN (", "MRN (x) ", "mrn#", "plate A-",
    "account number ", "account number 1", "iban DE89 3704 ", "iban DE", "postcode ", "M1 8",
    "CA 9410", "D-101", "K1A ", "lat: ", "12.34567, ", "52°31'", "/@1.234,", "52.52001,13.40501 ",
    "password: ", "password=", "password=a;", "password is ", "password: aaaaaaaaa ", "--password ",
    "username=", "@a", "token: ", "token=aB1cD2eF3", "secret=", "seed phrase: ", "abandon ",
    "seed phrase: abandon abandon ", "dl no MORGA 657054 ", "é", "né le ", "\u0130", "٣",
]  # fmt: skip


def seconds(recognizer: EntityRecognizer, text: str) -> float:
    began = time.process_time()
    recognizer.analyze(text, [], None)
    return time.process_time() - began


@pytest.mark.parametrize("recognizer", extra_recognizers(), ids=lambda r: r.name)
def test_D8_four_times_the_text_takes_no_more_than_about_four_times_as_long(recognizer):
    for piece in HOSTILE:
        large = (piece * LARGE)[:LARGE]
        if seconds(recognizer, large) < WORTH_MEASURING:
            continue
        # The best of several: whatever else runs on the machine only adds time.
        slow = min(seconds(recognizer, large) for _ in range(3))
        fast = min(seconds(recognizer, large[:SMALL]) for _ in range(3))
        assert slow <= max(fast, WORTH_MEASURING / 4) * MOST, piece
