"""Where we keep it: the only package that speaks psycopg."""
