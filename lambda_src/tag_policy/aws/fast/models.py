"""The models of AWS's services, read in less time.

botocore reads them into OrderedDict, which keeps the order as every dict has done since Python 3.7,
and takes twice as long: a fifth of a cold start, EC2's model alone most of that. And it looks
through the folders of some four hundred services to know which there are.
"""

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.loaders import JSONFileLoader, Loader

if TYPE_CHECKING:
    from botocore.session import Session

SERVICES = ("autoscaling", "cloudtrail", "config", "dynamodb", "ec2", "s3", "sns", "sqs")
"""The services that clients are made of, as botocore names them; see aws/clients.py."""


def register(session: "Session") -> None:
    """Have a botocore session read its models with this module."""
    session.register_component("data_loader", _Loader(file_loader=LeanFileLoader()))


class _Loader(Loader):
    """Finds the files of our services; says of any other that there is none."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 (named by botocore)
        """Return the services that there are, whatever the type of the file.

        Where one has no file of a type, as SNS has no waiters, botocore finds that out by itself,
        and raises the DataNotFoundError that it raises for an unknown service, too.
        """
        return list(SERVICES)


class LeanFileLoader(JSONFileLoader):
    """Reads the files that botocore reads, to the same content."""

    def load_file(self, file_path: str) -> Any:
        """Return what stands in a file, named without its extension; None where there is none."""
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return json.loads(plain.read_bytes())
        if packed.is_file():
            return json.loads(gzip.decompress(packed.read_bytes()))
        return None
