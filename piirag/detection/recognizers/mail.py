"""E-mail addresses that Presidio's pattern leaves out: at `mail.pl`, and between underscores."""

from __future__ import annotations

from typing import ClassVar

from piirag.detection.recognizers.base import Contains, Form, TextRecognizer, form


def _at_a_suffix(value: str) -> bool | None:
    """Whether the whole domain is a public suffix with a dot; others are Presidio's."""
    from piirag.detection.presidio import offline_suffixes

    domain = value.rpartition("@")[2].lower()
    parts = offline_suffixes(domain)
    return not parts.domain and parts.suffix == domain


def _at_a_domain(value: str) -> bool | None:
    """Whether the domain is one below a public suffix."""
    from piirag.detection.presidio import offline_suffixes

    return bool(offline_suffixes(value.rpartition("@")[2].lower()).fqdn)


class MailProviderRecognizer(TextRecognizer):
    """Addresses at mail providers whose domain is a public suffix, and addresses before a `_`.

    Presidio's recogniser asks for a registered domain below a suffix, and for a word to end
    behind it; in `_jane@example.com_` none does.
    """

    FORMS: ClassVar[tuple[Form, ...]] = (
        form(
            "EMAIL_ADDRESS",
            r"(?<![\w.%+-])[\w%+-][\w.%+&'-]{0,63}@(?:[A-Za-z0-9-]{2,30}\.){1,3}[A-Za-z]{2,6}"
            r"(?![\w@-])(?!\.\w)",
            Contains("@"),
            check=_at_a_suffix,
        ),
        form(
            "EMAIL_ADDRESS",
            r"(?<![\w.%+-])_{0,3}(?P<value>[A-Za-z0-9][\w.%+'-]{0,63}"
            r"@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24})(?=_)",
            Contains("@"),
            check=_at_a_domain,
        ),
    )


__all__ = ["MailProviderRecognizer"]
