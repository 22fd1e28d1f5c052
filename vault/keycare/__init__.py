"""Subjects' keys over the years: renewed, and destroyed when somebody's data must go."""
