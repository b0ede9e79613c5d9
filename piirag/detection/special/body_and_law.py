"""Words for genetic and biometric data, and for criminal convictions. Our own lists."""

from __future__ import annotations

GENETIC_SURE = """
    brca1 mutation, brca2 mutation, brca mutation, brca1 gene, brca2 gene, brca1 positive,
    brca2 positive, genetic predisposition, genetic disorder, genetic disease, genetic condition,
    genetic counselling, genetic counseling, genetic screening, genetic test result,
    genetic test results, lynch syndrome, hereditary cancer, carrier of the gene, carrier of a gene,
    carrier screening, dna profile, paternity test, 23andme, ancestrydna, huntington s gene,
    trisomy 21, fragile x, chromosomal abnormality, genetic data, apoe4
"""

GENETIC_ABOUT_SOMEBODY = """
    genetic test, genetic testing, dna test, dna sample, dna analysis, dna results, gene mutation,
    hereditary, inherited disease, genetic carrier, genotype, karyotype, genome sequenced,
    whole genome sequencing, her genes, his genes, brca1, brca2, chromosome, trisomy,
    mitochondrial disease, carrier for, family history of
"""

BIOMETRIC_SURE = """
    fingerprint template, fingerprint templates, fingerprint data, iris scan, iris scans,
    retina scan, retinal scan, retinal scans, faceprint, face template, facial geometry,
    facial recognition data, voiceprint, voice print, palm print, palm vein, hand geometry,
    biometric data, biometric template, biometric templates, biometric identifier,
    biometric identifiers, biometric passport, gait analysis
"""

BIOMETRIC_ABOUT_SOMEBODY = """
    her fingerprint, his fingerprint, my fingerprint, fingerprints, fingerprint scan,
    fingerprint scanner, fingerprint reader, thumbprint, facial recognition, face recognition,
    face scan, face id, iris recognition, voice recognition, biometric, biometrics, facial scan,
    touch id
"""

CRIMINAL_SURE = """
    criminal record, criminal records, criminal conviction, criminal convictions, criminal history,
    previous conviction, previous convictions, prior conviction, prior convictions,
    spent conviction, spent convictions, convicted felon, convicted sex offender, sex offender,
    registered sex offender, convicted murderer, pleaded guilty, pled guilty, found guilty of,
    prison sentence, suspended sentence, sentenced to prison, years in prison, months in prison,
    years imprisonment, life imprisonment, served time, released on parole, on parole, out on bail,
    juvenile record, police record, restraining order, convicted of murder, convicted of theft,
    convicted of fraud, convicted of assault, convicted of rape, convicted of manslaughter,
    convicted of burglary, convicted of robbery, convicted of perjury, driving under the influence,
    driving while intoxicated, drink driving, drunk driving, aggravated assault,
    grievous bodily harm, vehicular manslaughter, money laundering conviction, drug trafficking,
    domestic violence, arrest warrant, polizeiliches führungszeugnis
"""

CRIMINAL_ABOUT_SOMEBODY = """
    convicted, convicted of, conviction, convictions, sentenced to, arrested, arrested for,
    arrested on, charged with murder, charged with theft, charged with fraud, charged with assault,
    charged with rape, charged with burglary, charged with robbery, charged with possession,
    charged with drug, charged with manslaughter, charged with stealing, charged with shoplifting,
    charged with arson, indicted, indicted for, indictment, acquitted, imprisoned, incarcerated,
    in prison, in jail, went to jail, jailed, went to prison, ex convict, ex offender, felon,
    felony, misdemeanour, misdemeanor, shoplifting, burglary, robbery, embezzlement, arson,
    manslaughter, murder, rape, dui, dwi, probation officer, parole officer,
    community service order, criminal charges, criminal offence, criminal offense,
    criminal proceedings, guilty plea, inmate, detained by police, police custody, stalking,
    assault charge, bail hearing, vandalism, drug possession, possession of cannabis,
    possession of cocaine
"""

VETOES = {
    "carrier for": "phone mobile network parcel freight wave signal",
    "hereditary": "peer peerage title",
    "genotype": "algorithm population fitness",
    "chromosome": "algorithm population fitness crossover browser",
    "facial recognition": "library model api sdk",
    "face recognition": "library model api sdk",
    "conviction": "strong deep moral courage with",
    "convictions": "strong deep moral courage religious political",
    "in jail": "freebsd chroot",
    "rape": "oilseed seed",
    "murder": "mystery crows novel film",
    "stalking": "deer",
    "arrested": "development",
    "robbery": "daylight highway",
    "brca1": "dataset",
    "touch id": "button",
}
