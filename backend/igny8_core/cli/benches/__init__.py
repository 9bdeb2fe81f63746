"""One module for each benchmark: ``OPTIONS`` and ``run``."""
