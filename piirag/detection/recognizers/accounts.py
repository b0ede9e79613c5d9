"""Numbers that an organisation gives to the people it deals with."""

from __future__ import annotations

from typing import ClassVar

from piirag.detection.recognizers.keyed import (
    GROUPS,
    IN_LINE,
    STRICT,
    KeyedRecognizer,
    Rule,
    holds,
    rule,
)


class IdNumberRecognizer(KeyedRecognizer):
    """Numbers of employees, customers, students, members, policies, claims and cases, by a label.

    The number of an order, an invoice or a ticket names a thing and not a person: they are left
    alone.
    """

    RULES: ClassVar[tuple[Rule, ...]] = (
        rule(
            "ID_NUMBER",
            """employee id, employee number, employee no, employee code, emp id, emp no, staff id,
            staff number, staff no, personnel number, payroll number, payroll no, badge number,
            badge no, badge id, customer id, customer number, customer no, customer reference,
            cust id, cust no, client number, client no, client reference,
            account reference, account ref, student id, student number, student no, pupil number,
            membership number, membership no, membership id, loyalty number, loyalty card,
            frequent flyer, policy number, policy no, policy id, policyholder number, claim number,
            claim no, claimant id, case number, case file, certificate number, license number,
            licence number, licence no, license no, registration id, applicant id, applicant number,
            application number, donor id, donor number, tenant number, subject id, participant id,
            volunteer id, prisoner number, inmate number, service number, library card,
            kundennummer, kunden nr, kd nr, mitgliedsnummer, mitglieds nr, personalnummer,
            personal nr, matrikelnummer, vertragsnummer, versicherungsscheinnummer, aktenzeichen,
            numero client, numero de client, numero d employe, numero d adherent, numero de cliente,
            numero de socio, numero de empleado, numero di matricola, codice cliente,
            klantnummer, personeelsnummer, lidnummer, numer klienta, nr klienta""",
            GROUPS,
            check=holds(digits=4, length=(4, 20)),
            link=IN_LINE,
            words=1,
        ),
        rule(
            "ID_NUMBER",
            "account id",
            GROUPS,
            # Twelve digits are the account of a cloud provider's customer.
            check=lambda value: False if len(value) == 12 else holds(4, length=(4, 20))(value),
            link=IN_LINE,
        ),
        rule("CVV", "security code, prufziffer", r"\d{3,4}(?![\w-])(?![.,]\d)", link=STRICT),
        rule("CVV", "cvv, cvc, cvv2, cvc2, card security code",
             r"\d{3,4}(?![\w-])(?![.,:/]\d)(?! ?(?:digit|char|byte|ms|px|%))", link=IN_LINE),
    )  # fmt: skip
