"""The types of special-category data: GDPR Article 9(1), and Article 10."""

from __future__ import annotations

HEALTH = "HEALTH"
RELIGION = "RELIGION"
SEXUAL_ORIENTATION = "SEXUAL_ORIENTATION"
POLITICAL_OPINION = "POLITICAL_OPINION"
TRADE_UNION = "TRADE_UNION"
ETHNIC_ORIGIN = "ETHNIC_ORIGIN"
GENETIC = "GENETIC"
BIOMETRIC = "BIOMETRIC"
CRIMINAL_RECORD = "CRIMINAL_RECORD"

ARTICLE_9 = frozenset(
    {
        HEALTH,
        RELIGION,
        SEXUAL_ORIENTATION,
        POLITICAL_OPINION,
        TRADE_UNION,
        ETHNIC_ORIGIN,
        GENETIC,
        BIOMETRIC,
    }
)
"""Health, religion or belief, sex life, orientation and gender identity, political opinion, trade
union membership, racial or ethnic origin, genetic and biometric data."""

ARTICLE_10 = frozenset({CRIMINAL_RECORD})
"""Criminal convictions and offences."""

SPECIAL_TYPES = ARTICLE_9 | ARTICLE_10
"""Entity types of findings of special-category data."""
