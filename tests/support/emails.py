"""A detector that is quick enough for many examples."""

from __future__ import annotations

from piirag import Finding


class Emails:
    """Finds e-mail addresses of one form; quick, so that many examples can be run."""

    entities = ("EMAIL_ADDRESS",)

    def detect(self, text: str, *, language: str = "en") -> list[Finding]:
        found = []
        at = text.find("@x.io")
        while at >= 0:
            start = at
            while start and text[start - 1].isalnum() and text[start - 1].isascii():
                start -= 1
            if start < at:
                found.append(Finding("EMAIL_ADDRESS", start, at + 5, 1.0, "Emails"))
            at = text.find("@x.io", at + 5)
        return found

    def detect_batch(self, texts: list[str], *, language: str = "en") -> list[list[Finding]]:
        return [self.detect(text) for text in texts]
