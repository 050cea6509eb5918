"""The pocket reasoner: a tiny model whose scaling effects were built in, and the code that makes and judges it."""
