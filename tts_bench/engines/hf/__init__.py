"""Engine for transformers models: continuous batching over paged keys and values, exact where a self-test says so.

`kind` has its options and loads no library.
"""
