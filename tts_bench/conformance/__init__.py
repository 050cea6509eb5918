"""What strategies and engines have to keep, tried out; the public face is `tts_bench.testing`."""
