"""The operators of aggregation expressions: one file per chapter of the MongoDB manual.

**Adding an operator** is one decorated function in its chapter and rows in
``tests/cases/<chapter>/*.json``. The function takes values and gives a value::

    @operator("$pow", result="number")
    def pow_(number: Value, exponent: Value) -> Value:
        if nullish(number) or nullish(exponent):
            return None
        ...
        raise MQLError("$pow's exponent must be numeric, not string", 28763)

* Its parameters are the operands: how many there must be follows from the signature, ``*values`` takes any
  number. ``takes="members"``: an object whose members are the parameters in camelCase (``on_null`` is
  ``onNull``); ``takes="either"``: members, or just the first operand. A parameter with a default may be
  left out.
* An operand without value is ``MISSING``, null is ``None``; ``nullish`` tests for both. Never return
  MISSING without ``missing=True``. ``result`` names the BSON type of the result where it is always that or
  null ("number": any numeric).
* What is wrong with a document raises ``MQLError(text, MongoDB's code)``: it becomes a dead letter. What
  can be seen to be wrong in the spec belongs into ``check=function(parser, *operands)``, which raises
  ``parser.wrong(text, code)``.
* Values are never changed in place. Work must be bounded: no operand may make it slow or big out of
  proportion (``brookmill.mql.bounds``).
* An operator that does not just evaluate all its operands once is a ``Form``: a frozen dataclass with
  ``parse``, ``evaluate`` and ``emit``, registered with ``@EXPRESSIONS("$cond")``; ``conditional.py`` has
  the models.
* A hot operator may get a quick way for the common types: ``@inline("$pow")`` on a function of the code
  builder and the operands' ``Val``, which gives Python text guarded by exact type checks that falls back to
  the function. The property tests compare it with the function.

A row of a case table is ``{"name", "expr", "doc", "out"}`` or ``{"name", "expr", "doc", "error": code}`` in
Extended JSON; ``"out"`` left out means missing. Every row runs through both evaluators.
"""
