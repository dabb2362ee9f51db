"""The operators of query filters: one file per chapter of the MongoDB manual.

Adding one is a function that parses its operand, registered with ``@PREDICATES("$size")``, and the frozen
dataclass it gives: a ``Predicate`` (a ``test`` of one value; with ``emit`` it gets a quick way) or a whole
``Filter``.
"""
