"""Words for nationalities, by the region that stands in for them when they are generalised."""

from __future__ import annotations

from piirag.detection.quasi.words import phrases

_REGIONS = {
    "European": """
        albanian, andorran, austrian, belarusian, belgian, bosnian, british, briton, bulgarian,
        croatian, cypriot, czech, danish, dane, dutch, dutchman, dutchwoman, english, englishman,
        englishwoman, estonian, finnish, finn, french, frenchman, frenchwoman, german, greek,
        hungarian, icelandic, icelander, irish, irishman, irishwoman, italian, kosovar, latvian,
        liechtensteiner, lithuanian, luxembourger, luxembourgish, macedonian, maltese, moldovan,
        monegasque, montenegrin, norwegian, polish, pole, portuguese, romanian, russian,
        sammarinese, scottish, scotsman, scotswoman, serbian, serb, slovak, slovakian, slovenian,
        slovene, spanish, spaniard, swedish, swede, swiss, ukrainian, welsh, welshman, welshwoman
    """,
    "Middle Eastern": """
        bahraini, emirati, iranian, iraqi, israeli, jordanian, kuwaiti, lebanese, omani,
        palestinian, qatari, saudi, saudi arabian, syrian, turkish, turk, yemeni
    """,
    "Asian": """
        afghan, armenian, azerbaijani, bangladeshi, bhutanese, burmese, cambodian, chinese,
        filipino, filipina, georgian, indian, indonesian, japanese, kazakh, kyrgyz, korean,
        south korean, north korean, laotian, malaysian, maldivian, mongolian, nepali, nepalese,
        pakistani, singaporean, sri lankan, taiwanese, tajik, thai, timorese, turkmen, uzbek,
        vietnamese
    """,
    "African": """
        algerian, angolan, beninese, botswanan, burkinabe, burundian, cameroonian, cape verdean,
        chadian, congolese, djiboutian, egyptian, eritrean, ethiopian, gabonese, gambian, ghanaian,
        guinean, ivorian, kenyan, liberian, libyan, malagasy, malawian, malian, mauritanian,
        mauritian, moroccan, mozambican, namibian, nigerian, nigerien, rwandan, senegalese,
        sierra leonean, somali, south african, south sudanese, sudanese, swazi, tanzanian,
        togolese, tunisian, ugandan, zambian, zimbabwean
    """,
    "North American": """
        american, us american, canadian, mexican
    """,
    "Latin American": """
        argentinian, argentine, bahamian, barbadian, belizean, bolivian, brazilian, chilean,
        colombian, costa rican, cuban, dominican, ecuadorian, grenadian, guatemalan, guyanese,
        haitian, honduran, jamaican, nicaraguan, panamanian, paraguayan, peruvian, puerto rican,
        salvadoran, surinamese, trinidadian, uruguayan, venezuelan
    """,
    "Oceanian": """
        australian, fijian, kiwi, new zealander, papua new guinean, samoan, tongan
    """,
}

REGION_OF = {word: region for region, block in _REGIONS.items() for word in phrases(block)}
"""Demonym in lower case -> region."""

EVERYDAY = frozenset({"finn", "kiwi", "pole", "polish", "swede", "turk", "dane"})
"""Words with another meaning: they count only with a capital letter."""
