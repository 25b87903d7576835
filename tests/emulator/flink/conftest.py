"""The Flink service is tested with an account in which `deploy` has made an application."""

from tests.deploy.conftest import account, connection, flink

__all__ = ["account", "connection", "flink"]
