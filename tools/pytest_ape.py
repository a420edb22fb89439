"""Keeps Ape's pytest plugin for `ape test`, and out of plain `pytest`.

The plugin is installed as an entry point, so every pytest run would load it: three seconds, a
node of its own, and a snapshot around each test, also where no test uses Ape. `ape test` registers
the plugin by name before the configuration is read; elsewhere it is blocked here.
"""

import pytest

APE_PLUGIN = "ape_test"


def pytest_plugin_registered(manager: pytest.PytestPluginManager) -> None:
    """Block the entry point unless `ape test` has loaded it."""
    if not manager.has_plugin(APE_PLUGIN):
        manager.set_blocked(APE_PLUGIN)
