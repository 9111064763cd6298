"""The benchmark: Pinakes, pgbench and MLflow side by side. ``scripts/bench --help`` says how."""
