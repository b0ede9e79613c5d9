"""Words that are no name of anybody or any place by themselves.

Labels of forms, greetings, acronyms and units that a model in doubt may take for a name, because
they are written with a capital and stand where names stand. None is a first or last name in
common use; a test compares them with the names of many countries.
"""

from __future__ import annotations

NEVER_NAMES = frozenset(
    """
    absender adresse aadhaar account adres alloc amount anschrift appendix approx attachment
    attention avg bcc beneficiary betreff bic billing bitcoin bonjour borrower bsn bulk byte bytes
    caller cc cheers checksum ciao citation codice commit contact contrat cordialement cpf ctrl
    curp currency curriculum customer dear dni dob empfanger empfänger email enclosure
    epoch estimate exception expiry expéditeur figure fiscale freundlichen fwd gender
    greetings grüsse grusse gruesse gstin guten hallo hello hexdump hola iban id identifier
    imei incoterms insured invoice isbn issn itin json kib kontakt kontaktperson kyc
    landlord lender lessee lessor mfg mib middleware mieter miete mrn
    mutex nationality nein noise notary npi occupation offset oui passport patient payee
    payload pesel phone plz postcode ppm procurator purifier qty queue receipt recipient
    regards rendezvous reply rsvp salutation saludos schema sender sha1 sha256 shredder signatory
    signatur signature signer sincerely sku ssn stderr stdin stdout stdev
    subtotal svp telefon telephone tenant thanks throughput crc md5 thx timeout timestamp total
    ulid umsatzsteuer unix unterschrift utc uuid vaccination vat vehicle vermieter vermittler
    versicherter versicherungsnehmer viele vitae warranty wifi witness witnesses yaml zip
    sehr geehrte geehrter herzlichen herzliche mit besten freundliche
    compaction checkpoint sstable sstables mtu rebalance vacuum autovacuum watchdog hypervisor
    deprecated deadlock stacktrace traceback backtrace segfault goroutine runtime
    retry retries reindex bitmap ptr hline dword qword ymmword xmmword part
    ingest ingestion dispatcher servlet stdlib
    modulus fingerprint latency bandwidth decoder encoder codec parser scheduler planner
    kubelet kubectl kubernetes systemd daemon kernel firmware nginx postgres postgresql
    ansible bitbucket django elasticsearch fastapi github gitlab grafana mongodb mysql numpy
    openshift openssl podman prometheus pytorch redis sqlite tensorflow terraform
    """.split()
)
"""In lower case."""

LABELS = frozenset(
    """
    block bulk fax from kunde kundin mandant mean memo no null payer practice std steuer
    """.split()
)
"""The same where a colon follows, or `-ID`, and not elsewhere: `Payer:`, but "Dr Payer"."""

BOUNDS = frozenset({"max", "min", "mean"})
"""The same in small letters where a figure follows."""

UNITS = frozenset(
    """
    kib mib gib tib kb mb gb tb ns us ms sec min mins hrs rpm mhz ghz khz hz mm cm km kg mg ml kwh
    kw mw mv ma px dpi ppm nm op ops req inch inches no nr num std stdev avg
    """.split()
)
"""Units and other words that go with a figure, in lower case."""
