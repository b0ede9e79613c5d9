"""The rights of data subjects, and what of piirag serves each."""

from __future__ import annotations

RIGHTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "Access",
        "15",
        "`piirag export-user USER --zip FILE`",
        "Lists chunks, conversations and vault values of a user. Who is spoken of in the data of "
        "others: `piirag find-subject`. Third parties in what is handed over are for a person to "
        "look at.",
    ),
    (
        "Rectification",
        "16",
        "ingest the corrected document under the same id",
        "The old chunk is replaced. Copies in conversations are erased or left to retention.",
    ),
    (
        "Erasure",
        "17",
        "`piirag delete-user USER --physical`, `piirag erase-subject`, `piirag verify-erasure`",
        "Deletes, reads back, and says in a signed receipt what is gone and what is not. Backups "
        "are not reached: `piirag suppression reapply` after a restore.",
    ),
    (
        "Portability",
        "20",
        "`piirag export-user USER --json FILE` or `--jsonl FILE`",
        "Machine-readable. What was inferred rather than supplied is not marked as such.",
    ),
    (
        "Objection and restriction",
        "18, 21",
        "none of its own",
        "The application has to stop processing; piirag refuses writes for an erased user only.",
    ),
    (
        "No decision by a machine alone",
        "22",
        "the audit log: chunks, scores, filter and model of an answer",
        "Gives what is needed to explain and contest an answer. Whether answers decide about "
        "persons, and who reviews them, is for the controller.",
    ),
    (
        "Information",
        "13, 14",
        "none",
        "The notice to data subjects is the controller's. This document can feed it.",
    ),
)
"""Right, article, command, and what is and is not served by it."""
