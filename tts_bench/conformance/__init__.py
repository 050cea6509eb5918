"""What a strategy has to keep, tried out on a scripted model; the public face is `tts_bench.testing`."""
