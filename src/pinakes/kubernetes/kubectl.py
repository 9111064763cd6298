"""Let the user's own kubectl read a secret, with whatever it can log in to."""

import shutil
import subprocess
from pathlib import Path

from pinakes.kubernetes.errors import ClusterError
from pinakes.kubernetes.reference import SecretReference


def get(wanted: SecretReference) -> bytes:
    """Return a secret as JSON. Raises ClusterError.

    What kubectl has to say is shown as it says it: it may ask for a login, or tell why it fails.
    """
    words = ["get", "secret", "--output=json", f"--namespace={wanted.namespace}", wanted.name]
    try:
        done = subprocess.run([_program(), *words], stdout=subprocess.PIPE, check=False)  # noqa: S603 - names that were checked
    except OSError as error:
        raise ClusterError(f"kubectl cannot be run: {error.strerror}") from error
    if done.returncode != 0:
        problem = f"kubectl could not read the secret {wanted}; above it says why"
        raise ClusterError(problem)
    return done.stdout


def _program() -> str:
    found = shutil.which("kubectl")
    if found is None:
        raise ClusterError(
            "kubectl is not among the programs of PATH: install it; or give what it prints"
            " elsewhere by -f, or by a pipe"
        )
    return str(Path(found).absolute())
