"""How the ground faces the radar: local incidence, terrain normalisation, shadow."""
