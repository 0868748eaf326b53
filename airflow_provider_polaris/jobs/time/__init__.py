"""Instants, periods, granularities and intervals, all in UTC."""
