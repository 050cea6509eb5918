"""`python -m tts_bench` is `tts-bench`: launchers of several processes take a module."""

from tts_bench.cli.main import main

if __name__ == "__main__":
    main()
