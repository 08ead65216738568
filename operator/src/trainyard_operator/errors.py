"""What can go wrong in the operator.

    OperatorError
    ├── SettingsError     the configuration cannot be used; names the setting
    └── SupersededError   another operator holds the Lease; this one must not write any more

Errors of the API server are `trainyard_kube.errors`.
"""

from __future__ import annotations


class OperatorError(Exception):
    """The operator cannot continue."""


class SettingsError(OperatorError):
    """The configuration cannot be used."""


class SupersededError(OperatorError):
    """Another operator holds the Lease."""
