"""Plans: read from many clients' texts, measured, judged, drawn."""
