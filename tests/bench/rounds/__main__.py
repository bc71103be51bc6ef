"""`python -m tests.bench.rounds COVID-QU-Ex --out FOLDER`."""

from tests.bench.rounds.learning import main

main()
