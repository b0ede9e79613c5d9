"""Large cities and the country, or the American state, that stands in for them.

A small table of our own: it knows where somebody lives who names a well-known city, and no more.
Countries and states stand in it too, as themselves. Names of several well-known places are left
out, and so are cities whose country tells as much as they do.
"""

from __future__ import annotations

from piirag.detection.quasi.words import flatten, phrases

_CITIES = {
    "Algeria": "Algiers, Oran",
    "Argentina": "Buenos Aires, Rosario, Mendoza",
    "Australia": "Sydney, Melbourne, Brisbane, Perth, Adelaide, Canberra, Hobart, Darwin",
    "Austria": "Vienna, Wien, Graz, Linz, Salzburg, Innsbruck",
    "Bangladesh": "Dhaka, Chittagong",
    "Belgium": "Brussels, Antwerp, Ghent, Bruges, Leuven",
    "Brazil": "Rio de Janeiro, Sao Paulo, São Paulo, Brasilia, Recife, Porto Alegre, Curitiba",
    "Bulgaria": "Sofia, Plovdiv, Varna",
    "Canada": "Toronto, Montreal, Vancouver, Ottawa, Calgary, Edmonton, Winnipeg, Quebec City",
    "Chile": "Santiago de Chile, Valparaiso",
    "China": "Beijing, Shanghai, Shenzhen, Guangzhou, Chengdu, Wuhan, Tianjin, Hangzhou, Nanjing",
    "Colombia": "Bogota, Bogotá, Medellin, Medellín, Cali",
    "Croatia": "Zagreb, Dubrovnik",
    "Czechia": "Prague, Brno, Ostrava, Pilsen",
    "Denmark": "Copenhagen, Aarhus, Odense, Aalborg",
    "Egypt": "Cairo, Alexandria, Giza",
    "Estonia": "Tallinn, Tartu",
    "Ethiopia": "Addis Ababa",
    "Finland": "Helsinki, Tampere, Turku, Espoo, Oulu",
    "France": """Paris, Lyon, Marseille, Toulouse, Nice, Nantes, Strasbourg, Bordeaux, Lille,
        Rennes, Montpellier, Grenoble, Dijon""",
    "Germany": """Berlin, Hamburg, Munich, München, Cologne, Köln, Frankfurt, Stuttgart, Düsseldorf,
        Dusseldorf, Leipzig, Dortmund, Essen, Bremen, Dresden, Hanover, Hannover, Nuremberg,
        Nürnberg, Duisburg, Bochum, Wuppertal, Bielefeld, Bonn, Münster, Mannheim, Karlsruhe,
        Augsburg, Wiesbaden, Freiburg, Heidelberg, Potsdam, Walldorf, Mainz, Kiel, Rostock""",
    "Ghana": "Accra, Kumasi",
    "Greece": "Athens, Thessaloniki, Patras",
    "Hungary": "Budapest, Debrecen",
    "Iceland": "Reykjavik",
    "India": """Mumbai, Delhi, New Delhi, Bangalore, Bengaluru, Hyderabad, Chennai, Kolkata, Pune,
        Ahmedabad, Jaipur, Lucknow""",
    "Indonesia": "Jakarta, Surabaya, Bandung",
    "Iran": "Tehran, Isfahan, Mashhad",
    "Iraq": "Baghdad, Basra, Mosul",
    "Ireland": "Dublin, Galway, Limerick",
    "Israel": "Tel Aviv, Jerusalem, Haifa",
    "Italy": """Rome, Roma, Milan, Milano, Naples, Napoli, Turin, Torino, Palermo, Genoa, Bologna,
        Florence, Venice, Verona""",
    "Japan": "Tokyo, Osaka, Kyoto, Yokohama, Nagoya, Sapporo, Fukuoka, Kobe",
    "Kenya": "Nairobi, Mombasa",
    "Latvia": "Riga",
    "Lebanon": "Beirut",
    "Lithuania": "Vilnius, Kaunas",
    "Malaysia": "Kuala Lumpur",
    "Mexico": "Mexico City, Guadalajara, Monterrey, Tijuana",
    "Morocco": "Casablanca, Rabat, Marrakesh, Marrakech",
    "Netherlands": "Amsterdam, Rotterdam, The Hague, Utrecht, Eindhoven, Groningen, Maastricht",
    "New Zealand": "Auckland, Wellington, Christchurch",
    "Nigeria": "Lagos, Abuja, Kano, Ibadan",
    "Norway": "Oslo, Bergen, Trondheim, Stavanger",
    "Pakistan": "Karachi, Lahore, Islamabad",
    "Peru": "Lima, Cusco",
    "Philippines": "Manila, Quezon City, Cebu",
    "Poland": """Warsaw, Krakow, Kraków, Lodz, Łódź, Wroclaw, Wrocław, Poznan, Poznań, Gdansk,
        Gdańsk""",
    "Portugal": "Lisbon, Porto, Braga, Coimbra",
    "Romania": "Bucharest, Cluj-Napoca, Timisoara",
    "Russia": "Moscow, Saint Petersburg, St Petersburg, Novosibirsk, Yekaterinburg, Kazan",
    "Saudi Arabia": "Riyadh, Jeddah",
    "Serbia": "Belgrade, Novi Sad",
    "Slovakia": "Bratislava, Kosice",
    "Slovenia": "Ljubljana, Maribor",
    "South Africa": "Johannesburg, Cape Town, Durban, Pretoria",
    "South Korea": "Seoul, Busan, Incheon",
    "Spain": """Madrid, Barcelona, Valencia, Seville, Sevilla, Zaragoza, Malaga, Málaga, Bilbao,
        Granada""",
    "Sweden": "Stockholm, Gothenburg, Göteborg, Malmö, Malmo, Uppsala, Linköping",
    "Switzerland": "Zurich, Zürich, Geneva, Basel, Bern, Lausanne, Lucerne, Winterthur",
    "Syria": "Damascus, Aleppo, Homs",
    "Taiwan": "Taipei",
    "Thailand": "Bangkok, Chiang Mai",
    "Tunisia": "Tunis",
    "Turkey": "Istanbul, Ankara, Izmir, Antalya",
    "Ukraine": "Kyiv, Kiev, Kharkiv, Odesa, Odessa, Lviv, Dnipro",
    "United Arab Emirates": "Dubai, Abu Dhabi, Sharjah",
    "United Kingdom": """London, Manchester, Birmingham, Leeds, Liverpool, Sheffield, Bristol,
        Glasgow, Edinburgh, Cardiff, Belfast, Leicester, Coventry, Nottingham, Newcastle,
        Southampton, Portsmouth, Brighton, Oxford, Cambridge, York, Reading, Bath, Norwich,
        Aberdeen, Dundee, Swansea, Plymouth, Exeter, Derby, Wolverhampton, Sunderland,
        Bradford, Hull, Stoke-on-Trent, Milton Keynes, Luton, Preston, Croydon""",
    "Vietnam": "Hanoi, Ho Chi Minh City, Saigon, Da Nang",
    # States of the United States: the largest area that HIPAA Safe Harbor lets stand.
    "Alabama": "Birmingham Alabama, Montgomery, Huntsville",
    "Alaska": "Anchorage, Juneau",
    "Arizona": "Phoenix, Tucson, Scottsdale, Tempe",
    "Arkansas": "Little Rock",
    "California": """Los Angeles, San Francisco, San Diego, San Jose, Sacramento, Oakland, Fresno,
        Long Beach, Palo Alto, Mountain View, Berkeley, Santa Monica, Santa Clara, Sunnyvale""",
    "Colorado": "Denver, Boulder, Colorado Springs",
    "Connecticut": "Hartford, New Haven, Stamford",
    "Florida": "Miami, Orlando, Tampa, Jacksonville, Fort Lauderdale, Tallahassee",
    "Georgia": "Atlanta, Savannah",
    "Hawaii": "Honolulu",
    "Idaho": "Boise",
    "Illinois": "Chicago",
    "Indiana": "Indianapolis",
    "Iowa": "Des Moines",
    "Kentucky": "Louisville",
    "Louisiana": "New Orleans, Baton Rouge",
    "Maryland": "Baltimore, Annapolis, Bethesda",
    "Massachusetts": "Boston, Worcester Massachusetts, Cambridge Massachusetts",
    "Michigan": "Detroit, Ann Arbor, Grand Rapids",
    "Minnesota": "Minneapolis, Saint Paul, St Paul",
    "Missouri": "St Louis, Saint Louis, Kansas City",
    "Nebraska": "Omaha",
    "Nevada": "Las Vegas, Reno",
    "New Jersey": "Newark, Jersey City, Hoboken",
    "New Mexico": "Albuquerque, Santa Fe",
    "New York State": "New York, New York City, Brooklyn, Manhattan, Queens, Buffalo, Albany",
    "North Carolina": "Charlotte, Raleigh, Durham North Carolina",
    "Ohio": "Columbus, Cleveland, Cincinnati, Toledo",
    "Oklahoma": "Oklahoma City, Tulsa",
    "Oregon": "Portland, Eugene",
    "Pennsylvania": "Philadelphia, Pittsburgh",
    "Tennessee": "Nashville, Memphis, Knoxville",
    "Texas": "Houston, Dallas, Austin, San Antonio, Fort Worth, El Paso",
    "Utah": "Salt Lake City, Provo",
    "Virginia": "Richmond, Virginia Beach, Arlington, Norfolk",
    "Washington State": "Seattle, Tacoma, Spokane, Bellevue, Redmond",
    "Wisconsin": "Milwaukee, Madison",
}

_AREAS = """
    Afghanistan, Albania, Belarus, Bolivia, Bosnia, Cameroon, Congo, Costa Rica, Cuba, Cyprus,
    Delaware, Dominican Republic, Ecuador, England, Eritrea, Guatemala, Haiti, Honduras, Jamaica,
    Jordan, Kansas, Kazakhstan, Kosovo, Kuwait, Libya, Luxembourg, Maine, Malta, Mississippi,
    Moldova, Montana, Montenegro, Nepal, New Hampshire, Nicaragua, North Dakota, North Macedonia,
    Northern Ireland, Palestine, Panama, Paraguay, Qatar, Rhode Island, Rwanda, Scotland, Senegal,
    Singapore, Somalia, South Carolina, South Dakota, Sri Lanka, Sudan, Tanzania, Uganda,
    United States, Uruguay, Uzbekistan, Venezuela, Vermont, Wales, West Virginia, Wyoming, Yemen,
    Zambia, Zimbabwe
"""

_SAME = {"UK": "United Kingdom", "USA": "United States", "US": "United States"}


def _table() -> dict[str, str]:
    table = {key.lower(): area for key, area in _SAME.items()}
    for area in (*phrases(_AREAS), *_CITIES):
        table[" ".join(flatten(area).split())] = area
    for area, cities in _CITIES.items():
        for city in phrases(cities):
            table[" ".join(flatten(city).split())] = area
    return table


AREA_OF = _table()
"""City, country or state, in lower case, -> country or state."""

EVERYDAY = frozenset(
    """
    bath buffalo chad cologne cork essen hull jordan nice phoenix reading split toledo turkey
    york derby georgia mobile nancy orange columbus eugene madison austin charlotte savannah
    florence sofia cali us roma porto bergen linz darwin wellington preston tours
    """.split()
)
"""Places that are words or names as well: they count only with a capital letter."""

LONGEST = max(len(name.split()) for name in AREA_OF)
"""Words in the longest name."""
