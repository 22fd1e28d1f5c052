"""How bytes enter: announced, judged while they pass, sealed before they rest."""
