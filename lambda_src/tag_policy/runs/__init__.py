"""One run: what every run does alike, and what each kind of run does."""
