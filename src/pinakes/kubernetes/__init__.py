"""How we talk to the API server of a cluster: transport and credentials, nothing of ours.

In a pod: ``pod`` knows where that is and who we are, ``api_server`` asks it, ``watch`` sees a
secret change. Elsewhere: ``kubectl`` lets the user's own read.
"""
