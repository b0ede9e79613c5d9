"""Job titles, by the field of work that stands in for them when they are generalised.

Our own list. A title that is also an everyday or a technical word (a device driver, a package
manager, an actor model) is in `EVERYDAY` or `DEVICES`: it counts only where the sentence says
that a person is one.
"""

from __future__ import annotations

from piirag.detection.quasi.words import phrases

_FIELDS = {
    "health": """
        doctor, physician, general practitioner, family doctor, surgeon, heart surgeon,
        neurosurgeon, orthopaedic surgeon, plastic surgeon, cardiologist, dermatologist,
        neurologist, oncologist, paediatrician, pediatrician, psychiatrist, radiologist,
        anaesthetist, anesthesiologist, gynaecologist, gynecologist, obstetrician, urologist,
        ophthalmologist, pathologist, epidemiologist, dentist, orthodontist, dental hygienist,
        dental assistant, nurse, registered nurse, head nurse, staff nurse, school nurse,
        nurse practitioner, midwife, paramedic, ambulance driver, pharmacist, pharmacy technician,
        physiotherapist, physical therapist, occupational therapist, speech therapist,
        psychologist, clinical psychologist, psychotherapist, therapist, counsellor, counselor,
        dietitian, dietician, nutritionist, optician, optometrist, chiropractor, osteopath,
        carer, care worker, care assistant, healthcare assistant, medical assistant,
        medical secretary, hospital porter, radiographer, phlebotomist, veterinarian, vet,
        veterinary nurse, podiatrist, audiologist, massage therapist, acupuncturist
    """,
    "IT": """
        software engineer, software developer, web developer, frontend developer,
        front end developer, backend developer, back end developer, full stack developer,
        mobile developer, game developer, developer, programmer, computer programmer, coder,
        data scientist, data engineer, data analyst, machine learning engineer, devops engineer,
        site reliability engineer, systems engineer, system administrator, systems administrator,
        network engineer, network administrator, database administrator, sysadmin, administrator,
        software architect, solutions architect, enterprise architect, security engineer,
        security analyst, penetration tester, qa engineer, software tester, test engineer,
        it manager, it consultant, it technician, it support specialist, help desk technician,
        ux designer, ui designer, product designer, web designer, scrum master, cto, cio, ciso,
        information security officer, chief technology officer, tech lead, engineering manager
    """,
    "engineering": """
        engineer, civil engineer, mechanical engineer, electrical engineer, electronics engineer,
        chemical engineer, structural engineer, aerospace engineer, biomedical engineer,
        process engineer, production engineer, project engineer, sales engineer, mining engineer,
        petroleum engineer, environmental engineer, automotive engineer, marine engineer,
        sound engineer, architect, landscape architect, naval architect, urban planner,
        town planner, surveyor, quantity surveyor, land surveyor, draughtsman, draftsman,
        cartographer, building inspector, quality inspector, technician, lab technician,
        laboratory technician
    """,
    "science": """
        scientist, research scientist, researcher, research assistant, research fellow, postdoc,
        physicist, chemist, biologist, biochemist, microbiologist, geologist, astronomer,
        meteorologist, mathematician, statistician, economist, sociologist, anthropologist,
        archaeologist, archeologist, historian, linguist, political scientist, geneticist,
        botanist, zoologist, marine biologist, ecologist, astronaut
    """,
    "education": """
        teacher, primary school teacher, secondary school teacher, high school teacher,
        english teacher, maths teacher, math teacher, music teacher, art teacher, pe teacher,
        sports teacher, science teacher, kindergarten teacher, nursery teacher, substitute teacher,
        teaching assistant, lecturer, senior lecturer, professor, associate professor,
        assistant professor, headteacher, head teacher, headmaster, headmistress, school principal,
        dean, tutor, private tutor, instructor, driving instructor, ski instructor, trainer,
        personal trainer, fitness trainer, librarian, school counselor, nursery worker,
        childminder, nanny, au pair, babysitter, student, phd student, doctoral student,
        medical student, law student, exchange student, apprentice, trainee, intern
    """,
    "legal": """
        lawyer, attorney, solicitor, barrister, defence lawyer, defense attorney, patent attorney,
        district attorney, public prosecutor, prosecutor, judge, magistrate, paralegal, notary,
        legal secretary, legal assistant, court clerk, bailiff, legal counsel, general counsel,
        data protection officer, compliance officer, mediator
    """,
    "finance": """
        accountant, chartered accountant, bookkeeper, auditor, tax adviser, tax advisor,
        tax consultant, financial analyst, financial adviser, financial advisor,
        financial controller, investment banker, banker, bank clerk, bank teller, bank manager,
        loan officer, credit analyst, risk analyst, actuary, underwriter, insurance broker,
        insurance agent, stockbroker, fund manager, portfolio manager, hedge fund manager,
        payroll clerk, payroll manager, treasurer, cfo, chief financial officer, trader,
        business analyst, claims adjuster, mortgage broker
    """,
    "sales": """
        salesman, saleswoman, salesperson, sales assistant, sales representative, sales rep,
        sales manager, sales director, account executive, account manager, key account manager,
        shop assistant, shopkeeper, store manager, store clerk, cashier, retail assistant,
        marketing manager, marketing director, marketing assistant, marketing specialist,
        brand manager, product manager, product owner, buyer, purchasing manager,
        procurement manager, estate agent, real estate agent, realtor, letting agent, auctioneer,
        telemarketer, call centre agent, call center agent, customer service representative,
        customer service agent, customer success manager, pr manager, copywriter
    """,
    "management": """
        manager, general manager, managing director, ceo, coo, chief executive officer,
        chief executive, chief operating officer, director, executive director, vice president,
        president, chairman, chairwoman, chairperson, board member, founder, cofounder,
        business owner, entrepreneur, project manager, programme manager, program manager,
        operations manager, office manager, branch manager, plant manager, factory manager,
        facility manager, facilities manager, hr manager, human resources manager, hr director,
        hr specialist, recruiter, team leader, team lead, supervisor, shift supervisor, foreman,
        head of sales, head of marketing, head of finance, head of engineering, head of hr,
        management consultant, consultant, warehouse manager, logistics manager, quality manager,
        event manager, hotel manager, restaurant manager, executive assistant,
        personal assistant, office assistant, administrative assistant, secretary, receptionist,
        office clerk, clerk, data entry clerk, translator, interpreter
    """,
    "media": """
        journalist, reporter, news anchor, newsreader, editor, chief editor, photographer,
        cameraman, camerawoman, film director, film producer, producer, screenwriter, writer,
        author, novelist, poet, blogger, youtuber, influencer, actor, actress, comedian, musician,
        singer, opera singer, pianist, violinist, guitarist, drummer, composer, conductor, dj,
        dancer, ballet dancer, choreographer, painter, sculptor, artist, illustrator,
        graphic designer, fashion designer, interior designer, designer, fashion model,
        art director, curator, publisher, radio presenter, tv presenter, footballer,
        football player, basketball player, tennis player, athlete, referee, football coach, coach
    """,
    "service": """
        chef, head chef, sous chef, pastry chef, cook, baker, butcher, waiter, waitress, barista,
        bartender, barman, barmaid, caterer, kitchen porter, dishwasher, hairdresser, barber,
        beautician, makeup artist, nail technician, tattoo artist, cleaner, cleaning lady,
        window cleaner, housekeeper, housemaid, janitor, caretaker, concierge, butler, gardener,
        florist, undertaker, funeral director, travel agent, tour guide, lifeguard, tailor,
        seamstress, dry cleaner, dog walker, dog groomer, wedding planner, event planner,
        security guard, night guard, bouncer, doorman, housewife, househusband, homemaker
    """,
    "trades": """
        electrician, plumber, carpenter, joiner, bricklayer, mason, stonemason, roofer, plasterer,
        glazier, tiler, decorator, welder, blacksmith, locksmith, mechanic, car mechanic,
        auto mechanic, aircraft mechanic, machinist, toolmaker, fitter, boilermaker,
        construction worker, builder, labourer, laborer, scaffolder, crane operator,
        forklift driver, forklift operator, machine operator, factory worker, assembly worker,
        assembly line worker, warehouse worker, warehouse operative, packer, miner, coal miner,
        printer, upholsterer, cabinetmaker, watchmaker, jeweller, jeweler, goldsmith, shoemaker,
        cobbler, handyman, chimney sweep, gas fitter, heating engineer
    """,
    "transport": """
        truck driver, lorry driver, bus driver, taxi driver, cab driver, uber driver, van driver,
        delivery driver, train driver, tram driver, chauffeur, driver, pilot, airline pilot,
        helicopter pilot, copilot, flight attendant, cabin crew member, stewardess, steward,
        air traffic controller, ship captain, sailor, seaman, fisherman, dock worker, docker,
        postman, postwoman, mailman, mail carrier, postal worker, courier, bike courier, dispatcher,
        logistics coordinator, train conductor, ticket inspector, baggage handler
    """,
    "public-service": """
        police officer, policeman, policewoman, detective, police detective, sheriff,
        prison guard, prison officer, correctional officer, firefighter, fireman, firewoman,
        fire chief, soldier, army officer, naval officer, air force officer, sergeant,
        lieutenant, colonel, marine, veteran, civil servant, government employee, diplomat,
        ambassador, consul, politician, mayor, city councillor, councillor, member of parliament,
        senator, congressman, congresswoman, minister, tax inspector, customs officer,
        immigration officer, probation officer, social worker, youth worker, community worker,
        charity worker, aid worker, refuse collector, garbage collector, bin man, street sweeper,
        traffic warden, parking attendant, border guard, coast guard, park ranger, private detective
    """,
    "agriculture": """
        farmer, dairy farmer, fruit farmer, farm worker, farmhand, fruit picker, winemaker,
        vintner, forester, lumberjack, gamekeeper, beekeeper, shepherd, rancher, horse trainer,
        groom, agronomist, landscape gardener, tree surgeon, fishmonger, greengrocer
    """,
}

FIELD_OF = {title: field for field, block in _FIELDS.items() for title in phrases(block)}
"""Job title in lower case -> field of work."""

FIELDS = frozenset(FIELD_OF.values())
PROFESSIONAL = " professional"
"""What a field is followed by where it stands in for a title."""

EVERYDAY = frozenset(
    phrases(
        """
        administrator, apprentice, architect, artist, athlete, author, baker, barber, bouncer,
        business analyst, buyer, caretaker, chef, cleaner, clerk, coach, coder, colonel, conductor,
        consultant, cook, courier, curator, data analyst, data engineer, data scientist,
        database administrator, dean, decorator, designer, detective, developer, director, doctor,
        driver, editor, engineer, founder, game developer, glazier, housekeeper, instructor, intern,
        interpreter, janitor, joiner, judge, linguist, manager, marine, mason, mechanic, miner,
        minister, network administrator, network engineer, packer, painter, pilot, poet,
        president, product manager, product owner, professor, programmer, project manager,
        reporter, researcher, sailor, scientist, scrum master, secretary, security analyst,
        security engineer, sergeant, shepherd, singer, software developer, software engineer,
        soldier, steward, student, supervisor, surveyor, sysadmin, system administrator,
        systems administrator, tailor, teacher, team lead, team leader, tech lead, technician,
        test engineer, tiler, trader, trainee, trainer, translator, tutor, undertaker, underwriter,
        vet, veteran, web developer, writer, penetration tester, researcher, machine operator
        """
    )
)
"""Titles that stand in many a text that is about nobody: the sentence has to say who is one."""

DEVICES = frozenset(
    phrases(
        """
        actor, administrator, author, bouncer, builder, buyer, cleaner, composer, conductor,
        courier, designer, director, dispatcher, docker, driver, editor,
        fitter, interpreter, janitor, joiner, judge, manager, mediator, packer,
        painter, pilot, president, printer, producer, publisher, reporter, shepherd,
        steward, supervisor, tailor, trader, trainer, translator, tiler, writer, groom, marine
        """
    )
)
"""Titles that are parts of software too: even what "works as" one must be a person."""
