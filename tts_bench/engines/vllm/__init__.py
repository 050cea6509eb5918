"""Engine over vLLM, offline and in this program: no server. Nothing here imports vLLM before `load.load` is called."""
