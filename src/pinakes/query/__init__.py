"""How we ask: the text of a query becomes a condition. Knows neither HTTP nor SQL."""
