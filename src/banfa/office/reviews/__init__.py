"""Appraisal by experts: panels, recusal, scoring sheets, and the summary that an act rests on."""
