"""`make bench`: this engine beside its ancestor, Cloud Custodian and a bare listing.

``vpc`` is what is in the VPC, ``stand_in`` the endpoints that serve it, ``runners`` what is
measured, ``measure`` how, ``aws_limits`` what AWS would add, and ``page`` what people read of it.
"""
