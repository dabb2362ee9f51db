"""The accumulators of ``$group``: one file per kind.

Adding one is a class with slots, registered with ``@ACCUMULATORS("$sum")``; ``brookmill.mql.accumulator``
tells what it must do. A hot one also says in ``on_int`` or ``on_any`` how its ``add`` is written inline.
"""
