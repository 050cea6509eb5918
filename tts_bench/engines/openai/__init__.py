"""Engine for models that a server holds behind OpenAI's completions or chat endpoint. See `load` and `url`."""
