"""Which class of equal answers an answer belongs to: spelling, units, syntax, values, classes, in this order."""
