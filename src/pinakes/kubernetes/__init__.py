"""How a pod talks to the API server of its cluster: transport and credentials, nothing of ours.

``pod`` knows where that is and who we are, ``api_server`` asks it, ``watch`` sees a secret change.
"""
