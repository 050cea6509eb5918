#!/usr/bin/env bash
# One run over several nodes: a Ray cluster for the length of the job, one engine for each GPU.
#   sbatch examples/cluster/slurm.sh --tasks math500 --model Qwen/Qwen3-8B --engine vllm --out runs/qwen3-8b
# All words go to `tts-bench run`. The same line again resumes: give it the same --out on a disk that all nodes see.
#SBATCH --job-name=tts-bench
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --exclusive
#SBATCH --time=08:00:00
set -euo pipefail

PORT=6379
GPUS=${SLURM_GPUS_ON_NODE:-8}
source "${VENV:-.venv}/bin/activate" # on a disk that all nodes see
export TTS_BENCH_CACHE=${TTS_BENCH_CACHE:-$PWD/.cache/tts-bench} # models: fetched once, read by all
export RAY_USAGE_STATS_ENABLED=0

mapfile -t NODES < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
HEAD=${NODES[0]}

# The head starts first; every other node joins it. --block: a node that leaves ends its step, not the job.
srun --nodes=1 --ntasks=1 --nodelist="$HEAD" ray start --head --port="$PORT" --num-gpus="$GPUS" --disable-usage-stats --block &
sleep 15
for node in "${NODES[@]:1}"; do
  srun --nodes=1 --ntasks=1 --nodelist="$node" ray start --address="$HEAD:$PORT" --num-gpus="$GPUS" --block &
done
sleep 15

# This script runs on the first node, which is the head: "auto" finds the cluster there.
tts-bench run --ray auto --workers "$((GPUS * ${#NODES[@]}))" "$@"
