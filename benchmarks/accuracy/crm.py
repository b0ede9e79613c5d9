"""CRM records: the corpus of the examples, with addresses, and with the spans of its values."""

from __future__ import annotations

import importlib
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.accuracy.sample import Label, Sample
from benchmarks.accuracy.split import FIRST_SEED

_EXAMPLES = str(Path(__file__).parents[2] / "examples")

_PLACES = (
    ("{no} {road} {kind}, {us}, {state} {zip5}", "us"),
    ("{no} {road} {kind}, Apt {flat}, {us}, {state} {zip5}", "us"),
    ("{no} {road} {kind}, {uk} {uk_code}", "uk"),
    ("Flat {flat}, {no} {road} {kind}, {uk}, {uk_code}, United Kingdom", "uk"),
    ("{de_road} {no}, {zip5} {de}", "de"),
    ("{de_road} {no}, D-{zip5} {de}, Germany", "de"),
    ("{no} {fr_road}, {zip5} {fr}", "fr"),
    ("{es_road} {no}, {flat}º B, {zip5} {es}", "es"),
    ("ul. {pl_road} {no}/{flat}, {pl_code} {pl}", "pl"),
)
_WORDS = {
    "road": "Alderley|Brookmere|Cavendish|Danforth|Elmhurst|Fenwick|Glenview|Hawthorne|Ironside|"
    "Juniper|Kingsley|Larkspur|Millbrook|Northgate|Orchard|Pemberton|Quincy|Rosewood|Stanhope",
    "kind": "Street|St|Avenue|Ave|Road|Rd|Lane|Drive|Court|Close|Boulevard|Terrace|Way",
    "us": "Dayton|Boise|Tulsa|Fresno|Savannah|Reno|Toledo|Duluth|Mobile|El Paso|Salem",
    "state": "OH|ID|OK|CA|GA|NV|MN|AL|TX|OR|NY|WA",
    "uk": "Leeds|Bath|Norwich|Exeter|Dundee|Swansea|York|Preston|Luton|Derby",
    "de_road": "Ahornweg|Bergstraße|Goethestr.|Lindenallee|Am Mühlbach|Rathausplatz|Uferstraße",
    "de": "Kassel|Lübeck|Mainz|Ulm|Jena|Köln|Bad Homburg|Halle (Saale)",
    "fr_road": "rue des Lilas|avenue Jean Jaurès|boulevard Voltaire|impasse du Moulin|rue Hoche",
    "fr": "Nantes|Lille|Dijon|Brest|Saint-Étienne|Aix-en-Provence|Metz",
    "es_road": "Calle Mayor|Avenida de la Paz|Paseo del Prado|C/ Cervantes|Plaza de España",
    "es": "Sevilla|Zaragoza|Málaga|Bilbao|Las Palmas|Vigo",
    "pl_road": "Kwiatowa|Długa|Mickiewicza|Polna|Leśna|Sienkiewicza",
    "pl": "Kraków|Łódź|Gdańsk|Poznań|Lublin",
}
_LINES = (
    "Deliver the replacement to {}.",
    "Address on file: {}",
    "The parcel went to {} by mistake.",
    "New address as of next month: {}.",
    "Ship to: {}",
)


def _address(rng: random.Random) -> str:
    form, _ = rng.choice(_PLACES)
    words = {name: rng.choice(choices.split("|")) for name, choices in _WORDS.items()}
    letters = "ABDEFGHJLNPQRSTUWXYZ"
    return form.format(
        **words,
        no=rng.randint(1, 289),
        flat=rng.randint(1, 40),
        zip5=f"{rng.randint(10115, 97980):05}",
        pl_code=f"{rng.randint(10, 97)}-{rng.randint(100, 990)}",
        uk_code=f"{rng.choice(('LS', 'BA', 'NR', 'EX', 'YO', 'DE'))}{rng.randint(1, 19)} "
        f"{rng.randint(1, 9)}{rng.choice(letters)}{rng.choice(letters)}",
    )


def generate(documents: int = 400, seed: int = FIRST_SEED + 77) -> list[Sample]:
    """Write the corpus.

    Args:
        documents: How many documents.
        seed: Picks the corpus; the demo and the tests use small seeds.

    Returns:
        One sample a document. Metadata is left out: its keys say what its values are.
    """
    if _EXAMPLES not in sys.path:
        sys.path.append(_EXAMPLES)
    generate_records = importlib.import_module("crm_corpus").generate

    rng = random.Random(seed)
    samples = []
    for record in generate_records(seed=seed, users=25, documents=documents):
        text = record.text
        planted = [*record.planted, ("DATE_TIME", str(record.metadata["created"]))]
        if record.kind not in {"csv", "json"} and rng.random() < 0.5:
            address = _address(rng)
            text += ("" if text.endswith("\n") else "\n") + rng.choice(_LINES).format(address)
            planted.append(("STREET_ADDRESS", address))
        labels = tuple(locate(text, planted))
        samples.append(Sample(text, labels, source=f"crm/{record.kind}"))
    return samples


def locate(text: str, planted: list[tuple[str, str]]) -> Iterator[Label]:
    """Find every mention of planted values; the longer value wins where two overlap.

    Args:
        text: The document.
        planted: Entity type and value, as the value is spelled in the text.

    Yields:
        Labels in order of position.
    """
    if not planted:
        return
    kinds = {value: kind for kind, value in planted}
    longest_first = sorted(kinds, key=len, reverse=True)
    pattern = "|".join(map(re.escape, longest_first))
    for match in re.finditer(rf"(?<![^\W_])(?:{pattern})(?![^\W_])", text):
        yield Label(match.start(), match.end(), kinds[match.group()])
