"""The embedded AWS that tests and demo share: moto's server, with what it lacks added to it.

Start at ``embedded_aws.EmbeddedAws``. The modules named ``moto_*`` extend moto's own backends and
are installed by ``extensions.install``.
"""
