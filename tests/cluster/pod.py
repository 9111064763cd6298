"""The command ``pinakes`` as in a pod, with its service account where the first word says."""

import sys
from pathlib import Path

from pinakes.__main__ import main
from pinakes.kubernetes import pod

if __name__ == "__main__":
    pod.ACCOUNT = Path(sys.argv.pop(1))
    main()
