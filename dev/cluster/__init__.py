"""A real one-node Kubernetes cluster on this machine, and a control plane alone for tests.

Runs before any virtual environment exists, so it imports nothing but the standard library.
`python3 -m dev.cluster --help` lists the commands.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the system's Python runs this, whatever it is
    sys.exit("error: modelward's tools need Python 3.11 or newer as python3 on PATH")
