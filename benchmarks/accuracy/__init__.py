"""How much personal data is hidden: corpora, a strict metric, and the systems it is put to."""
