"""How safe a collection is: replicas counted record by record, summed up, and what may come.

:mod:`census` counts, :mod:`table` is the immutable copy of a moment, :mod:`summary` sums it up, and
:mod:`durability` says what the future may cost.  ``docs/coverage.md`` says what every figure means.
"""
