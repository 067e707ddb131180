"""Real coding-agent CLIs as Inspect AI agents.

The public names and their modules are declared in `__init__.pyi`: importing this package loads none of them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
