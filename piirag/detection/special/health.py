"""Words for diseases, symptoms, treatments and medicines. Our own list.

`SURE` terms say something about health wherever they stand. `ABOUT_SOMEBODY` terms are words with
other uses, or the stuff of general articles: they count in a sentence about a person.
"""

from __future__ import annotations

_CONDITIONS = """
    hiv positive, hiv negative, hiv status, hiv infection, hepatitis b, hepatitis c, tuberculosis,
    gonorrhea, gonorrhoea, chlamydia, syphilis, genital herpes, gestational diabetes,
    type 1 diabetes, type 2 diabetes, diabetes mellitus, diabetic, hypoglycaemia, hypoglycemia,
    hyperthyroidism, hypothyroidism, hypertension, high blood pressure, hypotension,
    atrial fibrillation, cardiac arrhythmia, heart failure, heart disease, coronary artery disease,
    myocardial infarction, cardiac arrest, angina pectoris, deep vein thrombosis,
    pulmonary embolism, cardiomyopathy, endocarditis, aortic aneurysm, brain aneurysm,
    ischaemic stroke, ischemic stroke, haemorrhagic stroke, hemorrhagic stroke, epilepsy,
    epileptic seizure, epileptic seizures, multiple sclerosis, parkinson s disease,
    alzheimer s disease, alzheimer s, huntington s disease, motor neurone disease,
    amyotrophic lateral sclerosis, cerebral palsy, spina bifida, muscular dystrophy, dementia,
    meningitis, encephalitis, migraine, migraines, neuropathy, sciatica, fibromyalgia,
    chronic fatigue syndrome, rheumatoid arthritis, osteoarthritis, osteoporosis, arthritis,
    lupus erythematosus, scoliosis, herniated disc, slipped disc, gout attack, asthma, asthmatic,
    copd, emphysema, pneumonia, bronchitis, cystic fibrosis, pulmonary fibrosis, sleep apnoea,
    sleep apnea, sarcoidosis, crohn s disease, ulcerative colitis, irritable bowel syndrome,
    coeliac disease, celiac disease, gastritis, stomach ulcer, gallstones, kidney stones,
    pancreatitis, cirrhosis, liver disease, kidney disease, kidney failure, renal failure,
    chronic kidney disease, endometriosis, polycystic ovary syndrome, miscarriage, stillbirth,
    ectopic pregnancy, preeclampsia, menopause, infertility, erectile dysfunction, prostatitis,
    incontinence, urinary tract infection, psoriasis, eczema, rosacea, melanoma, lymphoma,
    leukaemia, leukemia, sarcoma, glioblastoma, carcinoma, brain tumour, brain tumor, breast cancer,
    lung cancer, prostate cancer, bowel cancer, colon cancer, pancreatic cancer, ovarian cancer,
    cervical cancer, skin cancer, stage iv cancer, terminal cancer, metastatic cancer,
    sickle cell anaemia, sickle cell anemia, haemophilia, hemophilia, thalassaemia, thalassemia,
    iron deficiency anaemia, down syndrome, down s syndrome, turner syndrome, klinefelter syndrome,
    marfan syndrome, ehlers danlos syndrome, tourette syndrome, tourette s, phenylketonuria,
    lyme disease, malaria, dengue fever, typhoid fever, long covid, glandular fever, whooping cough,
    scarlet fever, glaucoma, macular degeneration, retinitis pigmentosa, tinnitus,
    meniere s disease, bell s palsy, peanut allergy, nut allergy, penicillin allergy, latex allergy,
    anaphylaxis, anaphylactic shock, lactose intolerance, gluten intolerance
"""

_MIND = """
    schizophrenia, schizophrenic, schizoaffective disorder, bipolar disorder, manic depression,
    major depressive disorder, clinical depression, postnatal depression, postpartum depression,
    anxiety disorder, panic disorder, panic attacks, social anxiety, obsessive compulsive disorder,
    post traumatic stress disorder, ptsd, adhd, asperger s, autism, autistic, anorexia nervosa,
    bulimia, eating disorder, borderline personality disorder, personality disorder, psychosis,
    psychotic episode, self harm, suicidal thoughts, suicidal ideation, suicide attempt,
    attempted suicide, alcoholism, alcohol dependence, drug addiction, opioid addiction,
    substance abuse, mental illness, mental health problems, mental breakdown, nervous breakdown,
    dyslexia, dyspraxia, learning disability, intellectual disability
"""

_TREATMENTS = """
    chemotherapy, radiotherapy, radiation therapy, immunotherapy, dialysis, haemodialysis,
    hemodialysis, kidney transplant, liver transplant, heart transplant, bone marrow transplant,
    stem cell transplant, organ donor, hysterectomy, mastectomy, vasectomy, appendectomy,
    appendicectomy, tonsillectomy, colonoscopy, gastroscopy, endoscopy, mammogram, mammography,
    biopsy, angioplasty, bypass surgery, heart bypass, stent implantation, knee surgery,
    hip replacement, knee replacement, knee operation, cataract surgery, plastic surgery,
    gastric bypass, bariatric surgery, spinal surgery, brain surgery, open heart surgery,
    caesarean section, cesarean section, in vitro fertilisation, in vitro fertilization,
    ivf treatment, abortion clinic, had an abortion, electroconvulsive therapy, psychotherapy,
    cognitive behavioural therapy, cognitive behavioral therapy, methadone programme,
    methadone program, blood transfusion, insulin pump, insulin injections,
    hormone replacement therapy, hormone therapy, palliative care, hospice care,
    intensive care unit, psychiatric hospital, psychiatric ward, inpatient treatment, rehab clinic,
    sick leave, sick note, medical leave, incapacity benefit, disability benefit,
    disability pension, medical certificate, medical history, medical record, medical records,
    wheelchair user, hearing aid, prosthetic leg, colostomy bag, blood pressure medication,
    health condition, medical condition, medical diagnosis, blood sugar level, blood test results,
    severely disabled, registered disabled, covid positive, positive covid test
"""

_MEDICINES = """
    metformin, insulin glargine, atorvastatin, simvastatin, rosuvastatin, lisinopril, ramipril,
    enalapril, amlodipine, losartan, valsartan, candesartan, bisoprolol, metoprolol, propranolol,
    atenolol, furosemide, hydrochlorothiazide, spironolactone, warfarin, apixaban, rivaroxaban,
    clopidogrel, digoxin, amiodarone, levothyroxine, omeprazole, pantoprazole, esomeprazole,
    prednisone, prednisolone, dexamethasone, salbutamol, albuterol, montelukast, ibuprofen,
    paracetamol, acetaminophen, naproxen, diclofenac, tramadol, oxycodone, oxycontin, hydrocodone,
    morphine, fentanyl, codeine, methadone, buprenorphine, naloxone, gabapentin, pregabalin,
    sertraline, zoloft, fluoxetine, prozac, citalopram, escitalopram, lexapro, paroxetine,
    venlafaxine, duloxetine, mirtazapine, bupropion, wellbutrin, amitriptyline, trazodone,
    lithium carbonate, lamotrigine, valproate, carbamazepine, levetiracetam, topiramate, quetiapine,
    seroquel, olanzapine, risperidone, aripiprazole, clozapine, haloperidol, diazepam, valium,
    lorazepam, ativan, alprazolam, xanax, clonazepam, zolpidem, ambien, zopiclone, methylphenidate,
    ritalin, adderall, lisdexamfetamine, donepezil, levodopa, amoxicillin, doxycycline,
    azithromycin, ciprofloxacin, metronidazole, penicillin, aciclovir, acyclovir, truvada,
    tenofovir, efavirenz, dolutegravir, methotrexate, adalimumab, humira, etanercept, infliximab,
    tamoxifen, letrozole, trastuzumab, herceptin, rituximab, imatinib, sildenafil, viagra,
    tadalafil, cialis, semaglutide, ozempic, wegovy, liraglutide, sitagliptin, empagliflozin,
    finasteride, tamsulosin, isotretinoin, antidepressants, antidepressant, antipsychotics,
    antipsychotic, antiretrovirals, antiretroviral therapy, beta blockers, blood thinners, statins,
    epipen, antiepileptics, immunosuppressants, contraceptive pill, birth control pills,
    morning after pill
"""

SURE = ",".join((_CONDITIONS, _MIND, _TREATMENTS, _MEDICINES))

ABOUT_SOMEBODY = """
    hiv, aids patient, diabetes, cancer, tumour, tumor, stroke, heart attack, depression, depressed,
    anxiety, bipolar, ocd, burnout, burn out, insomnia, allergic to, allergy, allergies, allergic,
    pregnant, pregnancy, abortion, ivf, disability, he is disabled, she is disabled, i am disabled,
    i m disabled, disabled child, disabled son, disabled daughter, disabled person,
    permanently disabled, blind in, deaf, paralysed, paralyzed, overweight, obese, obesity, anaemia,
    anemia, anaemic, anemic, infection, fever, flu, covid, covid 19, coronavirus, measles, mumps,
    surgery, operation on her, operation on his, operation on my, hospitalised, hospitalized,
    in hospital, diagnosed with, diagnosis, symptoms, suffers from, suffering from, suffered from,
    treated for, treatment for, prescribed, prescription, medication, medications, on medication,
    insulin, antibiotics, painkillers, sleeping pills, steroids, inhaler, vaccinated, vaccination,
    mri scan, ct scan, x ray, ultrasound, blood test, blood type, blood pressure, cholesterol,
    seizure, seizures, fracture, fractured, broken leg, broken arm, broken hip, concussion,
    chest pain, back pain, chronic pain, chronic illness, chronic disease, terminally ill,
    seriously ill, mentally ill, therapy, therapist, psychiatrist, psychologist, oncologist,
    cardiologist, neurologist, gynaecologist, gynecologist, rehab, detox, alcoholic, overdose,
    suicidal, addicted to, heroin, cocaine addiction, transplant, amputated, amputation, ulcer,
    hernia, thyroid, gout, lupus, herpes, anorexia, anorexic, bulimic, nausea, vomiting,
    palpitations, fainted, dizziness, shortness of breath, relapse, remission, metastases,
    metastasis, biopsies, ecg, eeg, stent, coma, shingles, c section, pacemaker, wheelchair
"""

VETOES = {
    "cancer": "zodiac star sign tropic horoscope",
    "stroke": "width color colour svg brush key keyboard path swim pencil engine luck midnight",
    "depression": "great economic tropical weather atlantic pressure atmospheric storm 1930s",
    "fever": "dance gold cabin pitch yellow",
    "relapse": "prices",
    "infection": "malware ransomware virus computer worm",
    "covid": "lockdown restrictions era rules",
    "covid 19": "lockdown restrictions era rules",
    "transplant": "heart of tree plant seedlings",
    "symptoms": "root cause bug outage crash",
    "diagnosis": "root fault error tool",
    "therapy": "retail shock",
    "fracture": "zone rock toughness",
    "deaf": "ears",
    "prescribed": "format order manner form procedure",
    "coma": "berenices optical lens",
    "surgery": "tree registry",
    "x ray": "diffraction tracing telescope",
    "bipolar": "transistor junction",
    "infertility": "soil",
    "pacemaker": "cluster corosync",
    "shingles": "roof roofing",
    "c section": "linker elf",
    "diagnosed with": "strace gdb perf profiler wireshark tool",
    "treated for": "wood rust",
}
