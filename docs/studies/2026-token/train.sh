#!/bin/sh
# The trainings that README.md beside this file registers. `sh train.sh pilot` shows how long a step takes;
# `sh train.sh STEPS` trains all five. Needs GSM8K: TTS_BENCH_DATA, or the hub.
set -e

train() {
    tts-bench train-token --model qwen2.5-coder-0.5b --task gsm8k --engine hf:dtype=bfloat16,threads=1 \
        --temperature 0.7 --max-thinking-tokens 512 --max-answer-tokens 48 --problems-per-step 8 --group 8 \
        --thinking end-of-turn --inner 2 --hold-out 0 --patience 0 --test-problems 0 "$@"
}

if [ "$1" = pilot ]; then
    train --steps 2 --seed 9 --out tokens/pilot
    exit
fi
for seed in 0 1 2; do train --steps "$1" --seed $seed --out tokens/learned-$seed; done
for seed in 0 1; do train --steps "$1" --seed $seed --shuffle-rewards --out tokens/shuffled-$seed; done
tts-bench token init --model qwen2.5-coder-0.5b --from Wait --out tokens/untrained
