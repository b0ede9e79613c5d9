"""Words for religion, politics, trade unions, orientation and origin. Our own lists."""

from __future__ import annotations

RELIGION_SURE = """
    jehovah s witness, jehovah s witnesses, roman catholic by faith, practising muslim,
    practicing muslim, devout muslim, practising catholic, practicing catholic, devout catholic,
    practising christian, practicing christian, devout christian, born again christian,
    practising jew, orthodox jew, observant jew, practising hindu, devout hindu, converted to islam,
    converted to christianity, converted to judaism, converted to buddhism,
    converted to catholicism, religious beliefs, religious affiliation, religious belief,
    religious denomination, denominational affiliation, church tax, bar mitzvah, bat mitzvah,
    first communion, seventh day adventist, left the church, sunni muslim, shia muslim
"""

RELIGION_ABOUT_SOMEBODY = """
    muslim, muslims, muslima, sunni, shia, shiite, alevi, ahmadi, ismaili, catholic, catholics,
    roman catholic, protestant, lutheran, calvinist, methodist, presbyterian, anglican, evangelical,
    pentecostal, mormon, quaker, unitarian, greek orthodox, russian orthodox, coptic, a christian,
    is christian, as christians, christian faith, christian family, christian values, jewish, a jew,
    hasidic, ashkenazi, sephardic, hindu, hinduism, buddhist, buddhism, sikh, sikhism, jain, taoist,
    shinto, bahai, zoroastrian, scientologist, scientology, pagan, wiccan, atheist, an agnostic,
    islam, islamic faith, judaism, catholicism, goes to church, went to church, attends church,
    attends mass, attended mass, goes to mass, parishioner, goes to mosque, attends mosque,
    at the mosque, goes to the mosque, to the synagogue, at the synagogue, attends synagogue,
    friday prayers, prays five times, prays daily, baptised, baptized, baptism,
    confirmed in the church, wears a hijab, wears a headscarf, wears a turban, wears a kippah,
    observes ramadan, fasting for ramadan, fasts during ramadan, ramadan, keeps kosher, eats kosher,
    kosher meals, halal meals, eats halal, observes shabbat, keeps the sabbath, religious reasons,
    pilgrimage to mecca, hajj, ordained, theravada, her faith, his faith, my faith, her religion,
    his religion, my religion, deeply religious, is religious, very religious, rabbi, imam
"""

ORIENTATION_SURE = """
    sexual orientation, sex life, sexual preference, sexual preferences, sexual history,
    sexually active, same sex partner, same sex spouse, same sex marriage, same sex relationship,
    gay man, gay men, gay couple, openly gay, is gay, i m gay, am gay, lesbian couple,
    homosexual relationship, came out as, coming out as, gender dysphoria, gender reassignment,
    transgender woman, transgender man, trans woman, trans man, gender identity,
    extramarital affair, sex worker
"""

ORIENTATION_ABOUT_SOMEBODY = """
    gay, lesbian, lesbians, bisexual, homosexual, heterosexual, pansexual, asexual, queer,
    transgender, transsexual, transitioning, lgbt, lgbtq, his husband, her wife, his boyfriend,
    her girlfriend, grindr, pride parade, swinger, polyamorous, prostitute, affair with
"""

POLITICS_SURE = """
    political opinion, political opinions, political views, political affiliation,
    political beliefs, political orientation, registered republican, registered democrat,
    lifelong republican, lifelong democrat, member of the labour party,
    member of the conservative party, member of the green party, member of the communist party,
    member of the republican party, member of the democratic party, member of the spd,
    member of the cdu, member of the csu, member of the afd, member of the fdp, member of the npd,
    labour party member, conservative party member, green party member, communist party member,
    member of the liberal democrats, party membership card
"""

POLITICS_ABOUT_SOMEBODY = """
    labour party, conservative party, liberal democrats, green party, republican party,
    democratic party, communist party, socialist party, social democrats, the greens, die linke,
    front national, rassemblement national, la france insoumise, fratelli d italia, lega nord,
    podemos, partido popular, psoe, sinn fein, scottish national party, plaid cymru, ukip,
    reform uk, bjp, votes labour, voted labour, votes conservative, voted conservative,
    votes republican, voted republican, votes democrat, voted democrat, votes green, voted green,
    voted for trump, voted for biden, voted for brexit, voted leave, voted remain,
    voted for the afd, votes for the afd, voted for macron, voted for le pen, trump supporter,
    biden supporter, brexit supporter, brexiteer, remainer, marxist, socialist, a communist,
    anarchist, libertarian, a republican, a democrat, a tory, a conservative, right wing extremist,
    left wing extremist, far right, far left, neo nazi, antifa, extinction rebellion,
    campaigned for, party member, political activist, left wing views, right wing views,
    conservative views, liberal views
"""

UNION_SURE = """
    trade union member, trade unionist, trade union membership, trade union representative,
    trade union rep, member of a trade union, member of the trade union, union membership number,
    shop steward, ig metall, ver di member, union membership fee, gewerkschaftsmitglied
"""

UNION_ABOUT_SOMEBODY = """
    trade union, trade unions, labor union, labour union, union member, union members, union rep,
    union representative, union membership, union dues, union organiser, union organizer,
    union official, member of the union, joined the union, joined a union, unison member,
    unite member, unite the union, teamsters, seiu, afl cio, usdaw, aslef, cgt, cfdt, verdi member,
    ver di, solidarnosc, teachers union, nurses union, miners union, railway union
"""

ORIGIN_SURE = """
    ethnic origin, ethnic background, racial origin, ethnic minority background, ethnic group,
    mixed race, african american, afro caribbean, black british, british asian, black african,
    asian american, native american descent, of african descent, of asian descent,
    of jewish descent, of arab descent, of african origin, of asian origin, of arab origin,
    of turkish origin, of turkish descent, of indian origin, of indian descent, of chinese descent,
    of chinese origin, of moroccan origin, of moroccan descent, of pakistani origin,
    of pakistani descent, of kurdish origin, of kurdish descent, of polish descent,
    of irish descent, of italian descent, of mexican descent, of nigerian descent, of roma origin,
    of roma descent, of german descent, of russian descent, of hispanic origin,
    migration background, colour of his skin, colour of her skin, color of his skin,
    color of her skin, skin colour, skin color
"""

ORIGIN_ABOUT_SOMEBODY = """
    black woman, black man, white woman, white man, asian woman, asian man, black girl, black boy,
    brown skin, dark skinned, light skinned, biracial, multiracial, caucasian, hispanic, latino,
    latina, latinx, romani, roma family, sinti, gypsy, traveller community, kurdish, kurd, kurds,
    an arab, arab descent, arab origin, berber, aboriginal, torres strait islander, maori, inuit,
    first nations, cherokee, navajo, indigenous, tamil, punjabi, bengali, gujarati, hausa, yoruba,
    igbo, tutsi, hutu, uyghur, rohingya, hmong, creole, metis, tatar, chechen, ethnically,
    ethnicity, of colour, of color
"""

VETOES = {
    "catholic": "university school church college hospital",
    "jewish": "museum university hospital quarter cemetery",
    "hindu": "kush arabic numerals times",
    "islam": "khan",
    "baptism": "fire",
    "protestant": "reformation ethic",
    "orthodox": "approach method",
    "coptic": "font unicode script epact numbers",
    "evangelical": "about",
    "ordained": "by fate",
    "gay": "lussac",
    "queer": "eye",
    "asexual": "reproduction",
    "transitioning": "to from state states into",
    "conservative": "estimate",
    "a conservative": "estimate approach choice value default gc collector bound limit guess",
    "the greens": "blues reds channel colours colors salad vegetables",
    "union member": "struct field pointer access storage byte tag discriminated tagged type c rust",
    "union members": "struct field pointer access storage share byte tag tagged type c rust",
    "gypsy": "moth jazz",
    "an arab": "emirates league spring world",
    "caucasian": "mountains",
    "tamil": "font script unicode language nadu locale",
    "bengali": "font script unicode language locale",
    "gujarati": "font script unicode language locale",
    "punjabi": "font script unicode language locale",
    "tatar": "language locale",
    "creole": "language",
    "cherokee": "jeep grand font syllabary unicode",
    "yoruba": "language locale",
    "party member": "third",
    "skin color": "theme ui css emoji",
    "skin colour": "theme ui css emoji",
    "far left": "corner side column margin menu panel of button edge",
    "far right": "corner side column margin menu panel of button edge",
    "indigenous": "species plants",
    "verdi": "opera",
}
