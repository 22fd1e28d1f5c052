"""Operations of agencies' own systems."""
