"""Where the invented people live: Faker locales, countries, and addresses Faker has no words for."""

from __future__ import annotations

from typing import NamedTuple


class Home(NamedTuple):
    """A locale of invented people.

    Args:
        country: Its country, in English.
        nationality: What its people are called.
        domain: Top-level domain.
        calling: International calling code.
        address: A form of address, for locales without addresses in Faker; fields are ``no``,
            ``street``, ``city`` and ``zip`` (digits for ``#``).
        streets: Streets for that form, separated by bars.
        cities: Cities for that form.
    """

    country: str
    nationality: str
    domain: str
    calling: str
    address: str = ""
    streets: str = ""
    cities: str = ""


LATIN: dict[str, Home] = {
    "en_US": Home("United States", "American", "com", "1"),
    "en_GB": Home("United Kingdom", "British", "co.uk", "44"),
    "en_AU": Home("Australia", "Australian", "com.au", "61"),
    "en_CA": Home("Canada", "Canadian", "ca", "1"),
    "en_IE": Home("Ireland", "Irish", "ie", "353"),
    "en_IN": Home("India", "Indian", "in", "91"),
    "en_NZ": Home("New Zealand", "New Zealander", "co.nz", "64"),
    "en_NG": Home(
        "Nigeria",
        "Nigerian",
        "com.ng",
        "234",
        "{no} {street},\n{city} {zip6}",
        "Allen Avenue|Awolowo Road|Broad Street|Ogui Road|Ahmadu Bello Way|Aba Road",
        "Ikeja|Abuja|Enugu|Ibadan|Port Harcourt|Kaduna",
    ),
    "en_KE": Home(
        "Kenya",
        "Kenyan",
        "co.ke",
        "254",
        "{street}\nP.O. Box {box}-{zip5}\n{city}",
        "Moi Avenue|Kenyatta Avenue|Ngong Road|Oginga Odinga Street|Argwings Kodhek Road",
        "Nairobi|Mombasa|Kisumu|Nakuru|Eldoret",
    ),
    "en_PK": Home(
        "Pakistan",
        "Pakistani",
        "pk",
        "92",
        "House {no}, {street},\n{city} {zip5}",
        "Street 14, Sector F-7/2|Block 5, Clifton|Canal View Road|Jinnah Avenue|Mall Road",
        "Islamabad|Karachi|Lahore|Rawalpindi|Faisalabad",
    ),
    "de_DE": Home("Germany", "German", "de", "49"),
    "de_AT": Home("Austria", "Austrian", "at", "43"),
    "de_CH": Home("Switzerland", "Swiss", "ch", "41"),
    "fr_FR": Home("France", "French", "fr", "33"),
    "fr_CH": Home("Switzerland", "Swiss", "ch", "41"),
    "fr_CA": Home("Canada", "Canadian", "ca", "1"),
    "fr_BE": Home(
        "Belgium",
        "Belgian",
        "be",
        "32",
        "{street} {no}\n{zip4} {city}",
        "Rue de la Station|Avenue Louise|Chaussée de Wavre|Rue Haute|Place du Marché",
        "Bruxelles|Namur|Liège|Mons|Charleroi|Tournai",
    ),
    "es_ES": Home("Spain", "Spanish", "es", "34"),
    "es_MX": Home("Mexico", "Mexican", "com.mx", "52"),
    "es_AR": Home("Argentina", "Argentinian", "com.ar", "54"),
    "es_CL": Home("Chile", "Chilean", "cl", "56"),
    "es_CO": Home("Colombia", "Colombian", "com.co", "57"),
    "it_IT": Home("Italy", "Italian", "it", "39"),
    "nl_NL": Home("Netherlands", "Dutch", "nl", "31"),
    "nl_BE": Home("Belgium", "Belgian", "be", "32"),
    "pl_PL": Home("Poland", "Polish", "pl", "48"),
    "pt_BR": Home("Brazil", "Brazilian", "com.br", "55"),
    "pt_PT": Home("Portugal", "Portuguese", "pt", "351"),
    "sv_SE": Home("Sweden", "Swedish", "se", "46"),
    "da_DK": Home("Denmark", "Danish", "dk", "45"),
    "no_NO": Home("Norway", "Norwegian", "no", "47"),
    "fi_FI": Home("Finland", "Finnish", "fi", "358"),
    "is_IS": Home(
        "Iceland",
        "Icelandic",
        "is",
        "354",
        "{street} {no}\n{zip3} {city}",
        "Laugavegur|Skólavörðustígur|Hafnargata|Strandgata|Borgartún|Vesturgata",
        "Reykjavík|Akureyri|Selfoss|Hafnarfjörður|Ísafjörður",
    ),
    "cs_CZ": Home("Czech Republic", "Czech", "cz", "420"),
    "sk_SK": Home("Slovakia", "Slovak", "sk", "421"),
    "hu_HU": Home("Hungary", "Hungarian", "hu", "36"),
    "ro_RO": Home("Romania", "Romanian", "ro", "40"),
    "hr_HR": Home("Croatia", "Croatian", "hr", "385"),
    "sl_SI": Home("Slovenia", "Slovenian", "si", "386"),
    "lt_LT": Home(
        "Lithuania",
        "Lithuanian",
        "lt",
        "370",
        "{street} {no}-{flat}\nLT-{zip5} {city}",
        "Gedimino pr.|Vilniaus g.|Laisvės al.|Taikos pr.|Pylimo g.|Savanorių pr.",
        "Vilnius|Kaunas|Klaipėda|Šiauliai|Panevėžys",
    ),
    "lv_LV": Home(
        "Latvia",
        "Latvian",
        "lv",
        "371",
        "{street} {no}-{flat}\n{city}, LV-{zip4}",
        "Brīvības iela|Lāčplēša iela|Rīgas iela|Kalpaka bulvāris|Skolas iela",
        "Rīga|Liepāja|Daugavpils|Jelgava|Ventspils",
    ),
    "et_EE": Home(
        "Estonia",
        "Estonian",
        "ee",
        "372",
        "{street} {no}-{flat}\n{zip5} {city}",
        "Narva mnt|Pärnu mnt|Riia tänav|Tartu mnt|Kopli tänav|Lai tänav",
        "Tallinn|Tartu|Pärnu|Narva|Viljandi",
    ),
    "tr_TR": Home(
        "Turkey",
        "Turkish",
        "com.tr",
        "90",
        "{street} No: {no} D: {flat}\n{zip5} {city}",
        "Atatürk Cad.|Bağdat Caddesi|İnönü Sokak|Cumhuriyet Mah. Gül Sk.|Fatih Bulvarı",
        "Kadıköy/İstanbul|Çankaya/Ankara|Konak/İzmir|Bursa|Antalya",
    ),
    "id_ID": Home("Indonesia", "Indonesian", "co.id", "62"),
    "vi_VN": Home("Vietnam", "Vietnamese", "vn", "84"),
    "zu_ZA": Home("South Africa", "South African", "co.za", "27"),
    "az_AZ": Home("Azerbaijan", "Azerbaijani", "az", "994"),
    "ga_IE": Home(
        "Ireland",
        "Irish",
        "ie",
        "353",
        "{no} {street}\n{city}",
        "Sráid na Siopaí|Bóthar na Trá|Shop Street|Patrick Street|Main Street|Abbey Road",
        "Gaillimh|Cork|Limerick|Trá Lí|Dublin 8|Sligo",
    ),
    "yo_NG": Home(
        "Nigeria",
        "Nigerian",
        "ng",
        "234",
        "{no}, {street}\n{city}\nOyo State",
        "Ring Road|Awolowo Avenue|Iwo Road|Dugbe Street|Challenge Road",
        "Ibadan|Ogbomosho|Iseyin|Saki",
    ),
    "tw_GH": Home(
        "Ghana",
        "Ghanaian",
        "com.gh",
        "233",
        "{no} {street}\n{city}\nGA-{zip3}-{zip4}",
        "Oxford Street|Spintex Road|Liberation Road|Harper Road|Castle Road",
        "Accra|Kumasi|Tema|Cape Coast|Takoradi",
    ),
    "sw": Home(
        "Tanzania",
        "Tanzanian",
        "co.tz",
        "255",
        "{no} {street}\nP.O. Box {box}\n{city}",
        "Samora Avenue|Uhuru Street|Bagamoyo Road|Sokoine Road|Nyerere Road",
        "Dar es Salaam|Arusha|Dodoma|Mwanza|Moshi",
    ),
}
"""People whose names are written in Latin letters."""

OTHER_SCRIPTS: dict[str, Home] = {
    "ru_RU": Home("Russia", "Russian", "ru", "7"),
    "uk_UA": Home("Ukraine", "Ukrainian", "ua", "380"),
    "mk_MK": Home("North Macedonia", "Macedonian", "mk", "389"),
    "el_GR": Home("Greece", "Greek", "gr", "30"),
    "hy_AM": Home("Armenia", "Armenian", "am", "374"),
    "ka_GE": Home("Georgia", "Georgian", "ge", "995"),
    "ar_DZ": Home("Algeria", "Algerian", "dz", "213"),
    "he_IL": Home("Israel", "Israeli", "co.il", "972"),
    "fa_IR": Home("Iran", "Iranian", "ir", "98"),
    "hi_IN": Home("India", "Indian", "in", "91"),
    "bn_BD": Home("Bangladesh", "Bangladeshi", "com.bd", "880"),
    "th_TH": Home("Thailand", "Thai", "co.th", "66"),
    "zh_CN": Home("China", "Chinese", "cn", "86"),
    "zh_TW": Home("Taiwan", "Taiwanese", "com.tw", "886"),
    "ja_JP": Home("Japan", "Japanese", "co.jp", "81"),
    "ko_KR": Home("South Korea", "Korean", "co.kr", "82"),
}
"""People whose names are written in other letters: a corpus of its own."""
