"""Time zones, periods, instants and Joda-Time patterns in SQL."""
