"""Where we keep it: the only package that speaks psycopg."""

from pinakes.postgres.quiet import keep_quiet

keep_quiet("psycopg")  # here, so that it is so for every command, whichever part of this it imports
