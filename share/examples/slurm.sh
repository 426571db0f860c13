#!/bin/bash
# slurm.sh - one member of an array: sbatch --array=0-29%10 --requeue --open-mode=append \
#            --signal=TERM@90 slurm.sh
# srun passes the signal on, 90 seconds before the time is up.
srun ./shard.sh "${KV_SHARDS:-30}" "${KV_HEAD:-head}"
status=$?
case $status in
1 | 6 | 75 | 129 | 130 | 143) # running again can help; 6: another one has it still
    [ "${SLURM_RESTART_COUNT:-0}" -ge 20 ] || scontrol requeue "$SLURM_JOB_ID"
    ;;
5) # a key or a quota: nobody needs to go on
    scancel "$SLURM_ARRAY_JOB_ID"
    ;;
esac
exit $status
