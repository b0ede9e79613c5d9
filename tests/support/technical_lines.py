"""Lines about software and other things that hold no personal data."""

from __future__ import annotations

LINES = """
Run a virus scan on the server before you open the port.
The political map of Europe is drawn with d3.
Our office is at 123 Church Street.
SELECT name FROM a UNION SELECT name FROM b ORDER BY 1;
The union set of both streams is merged.
A tropical depression formed over the Atlantic.
Kill the orphan processes with kill -9 and reap the zombies.
The form is open to SQL injection.
There is a race condition between the two threads.
Marvin Gay sang it first.
The library is framework-agnostic.
This aids debugging.
Set the stroke width of the SVG path to 2.
A master pushes changes to the slave, which executes them.
The child process aborts when its parent dies.
Union members share storage; each union member starts at offset 0.
Compare the TLS fingerprint of the certificate with the one on file.
The FreeBSD jail has its own network stack.
Split each sentence into tokens.
The battery is charged with 5 volts.
It is a conservative estimate of the run time.
The garbage collector is a conservative one.
Click the button on the far left of the toolbar.
An asexual reproduction model is used in the simulation.
The genetic algorithm mutates each chromosome of the population.
The fitness function scores every genotype.
It transitions from state A to state B.
orientation: landscape
race: true
treatment: control
diagnosis: null
religion: str
union_member: int
The face recognition library needs a GPU.
Use Touch ID to unlock the button.
The parser suffers from quadratic behaviour.
This approach suffers from high latency.
The outage was diagnosed with strace.
The patient zero of the worm was a mail server.
A heart-shaped icon is drawn in black on white.
The black box test covers the white list.
Black and white images compress well.
The green party lights blink when the build passes.
The leader votes for itself in each Raft term.
Each candidate votes for the node with the longest log.
The party members of the room are synchronised.
It is a religious use of semicolons.
The Hindu-Arabic numerals are ASCII digits.
The Jewish Museum is 2 km from the station.
The Catholic University of Leuven hosts the mirror.
The stock has a strong conviction buy rating.
Murder mysteries are in section 3 of the index.
The robbery scene is at minute 42 of the film.
The service is disabled by default.
If the option is disabled, it has no effect.
The operation on the matrix is in place.
The cache treats a miss as a fever dream of the scheduler.
The vaccine dataset has 12 columns.
Seizure detection is done by a CNN on the dataset.
The breast cancer dataset of scikit-learn has 569 rows.
Diabetes is one of the toy datasets.
Code that works for Linux also works for Windows.
It works at scale.
This works for me.
The module works as a proxy.
Kubernetes works as a cluster manager.
Kafka works as a publisher.
The driver works as a mediator between kernel and device.
The package maintainer is a developer.
A developer can run this script.
Administrators should set the flag.
The manager spawns one worker for each core.
The printer driver is 20 years old.
Python was born in 1991.
Linux is 30 years old.
A 20-year-old bug was fixed.
The backup is 3 days old.
Cache entries are 5 minutes old.
max-age: 60
max_age=3600
Cache-Control: max-age=31536000
age = 30
The config lives in /etc.
State lives in memory.
The bucket lives in Frankfurt.
The data lives in Berlin and is replicated from Dublin.
import datetime from datetime
from typing import Any
from Berlin import wall
See the man page.
A man-in-the-middle attack is possible.
A male connector fits a female socket.
Polish the code before you finish.
The English text is left as it is.
The German market grew by 3 %.
Use a French press.
The Swiss army knife of parsers.
gender: str
gender = models.CharField(max_length=1)
job_title: str = None
position: absolute
position: fixed; top: 0
role: admin
title: Hello World
city = input()
city: string
employer: null
nationality: string
marital_status: Optional[str]
zip -r archive.zip folder
unzip 3.0 is needed
The postcode field is a string.
The class of 3 nodes is balanced.
The parents of the node are updated.
The mother of all demos is on video.
It is married to the API.
A single parent directory is enough.
The bachelor thesis is in LaTeX.
The student t-test fails.
The dean function returns nil.
Pilot projects run on the test cluster.
The conductor schedules the tasks.
The engineer module is deprecated.
model: gpt-oss
The author field is optional.
A baker's dozen is 13.
Joiner nodes fetch the snapshot.
The interpreter is written in C.
The actor model has no shared state.
The judge scores each answer.
She-bang lines start with #!.
git push origin main
ERROR 2024-05-01 12:00:00 worker[42]: task 7 failed after 3 retries
commit 3f2a9c1d5e7b8a6f4c2d1e0f9a8b7c6d5e4f3a2b
GET /index.html HTTP/1.1 200 5316
version 1.2.3.4 released
550e8400-e29b-41d4-a716-446655440000
0x00007ffe 48 89 e5 48 83 ec 10 c7 45 fc 00 00 00 00
total 1,234,567 rows in 89 batches
192.168.100.200:8080 is not reachable
ISBN 978-3-16-148410-0
pip install piirag==0.1.0
icon@2x.png and lodash@4.17.21
actions/checkout@v4
@dataclass(frozen=True)
git clone git@host.internal:repo
The range is [-2147483648, +2147483647].
SSN format: 123-45-6789
1699999999999 ms since the epoch
05/06/2024 12:30:00 started
00 11 22 33 44 55 66 77
pi is 3.14159265358979
latency p99 = 0012 3456
""".strip().splitlines()
