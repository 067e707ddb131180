"""Real coding-agent CLIs as Inspect AI agents.

The public names are declared in `__init__.pyi`, which is also where their modules are named: importing this package
loads none of them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
