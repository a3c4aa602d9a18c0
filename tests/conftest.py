"""What holds for all tests: no test asserts a time, and none can reach a real AWS."""

import os

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# Developers' runs look for new examples; CI repeats the same ones, so that it fails for a change
# and not by chance.
hypothesis_settings.register_profile(
    "noisy-machine",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
# What is tried with each of two thousand mutants (see tools/mutants.py).
hypothesis_settings.register_profile(
    "mutants",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    max_examples=20,
)
hypothesis_settings.load_profile("noisy-machine")


@pytest.fixture(scope="session", autouse=True)
def _no_real_aws() -> None:
    """Replace whatever AWS configuration the machine has by one that knows no account."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "AKIAEMBEDDEDAWS00000",
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_SESSION_TOKEN": "embedded",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        # A client that nobody told of the embedded AWS finds a closed port.
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        # Two thousand images, made anew for each test, are a third of all the time that tests take.
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    }
