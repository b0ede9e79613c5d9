"""Special categories of personal data (GDPR Article 9) and criminal convictions (Article 10)."""

from piirag.detection.special.find import special_categories
from piirag.detection.special.kinds import ARTICLE_9, ARTICLE_10, SPECIAL_TYPES

__all__ = ["ARTICLE_9", "ARTICLE_10", "SPECIAL_TYPES", "special_categories"]
