"""Pure decisions: what a rule is, what an instance lacks, and what may be ended."""
