"""How it looks outside: the JSON, parameters and errors of the seldon-deploy-sdk contract."""
