"""E-mail addresses at domains that the public-suffix list takes for suffixes: `@mail.pl`."""

from __future__ import annotations

from typing import ClassVar

from piirag.detection.recognizers.base import Contains, Form, TextRecognizer, form


def _at_a_suffix(value: str) -> bool | None:
    """Whether the whole domain is a public suffix with a dot; others are Presidio's."""
    from piirag.detection.presidio import offline_suffixes

    domain = value.rpartition("@")[2].lower()
    parts = offline_suffixes(domain)
    return not parts.domain and parts.suffix == domain


class MailProviderRecognizer(TextRecognizer):
    """Addresses at mail providers whose domain is a public suffix as well.

    Presidio's recogniser asks for a registered domain below a suffix.
    """

    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "EMAIL_ADDRESS",
            r"(?<![\w.%+-])[\w%+-][\w.%+&'-]{0,63}@(?:[A-Za-z0-9-]{2,30}\.){1,3}[A-Za-z]{2,6}"
            r"(?![\w@-])(?!\.\w)",
            Contains("@"),
            check=_at_a_suffix,
        ),
    )


__all__ = ["MailProviderRecognizer"]
