#!/bin/sh
# run.sh - a whole run on this machine: begun, killed half-way, resumed, finalised. `make demo`.
#
# The bundled test provider plays three models: oak-large knows everything, sprout-small does not,
# judge-medium reads their answers. Nothing leaves the machine.
set -eu

demo=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$demo/../.." && pwd)
PATH=${KV_BIN:-$root/bin}:${KV_TBIN:-$root/tests/bin}:$PATH
export PATH

top=$(mktemp -d "${TMPDIR:-/tmp}/kv-demo.XXXXXX")
work=$top/run
mkdir "$work"
provider=
clean_up() {
    [ -z "$provider" ] || kill "$provider" 2>/dev/null || true
    rm -rf "$top"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cp "$demo/bench.jsonld" "$demo/preset.json" "$work"
cd "$work"

say() {
    printf '\n# %s\n' "$*"
}

# Shows a command as one would type it, and runs it.
run() {
    printf '$ %s\n' "$1"
    eval "$1"
}

done_so_far() {
    kv-status --json results.json.state | jq .progress.completed_count
}

say 'A model server on this machine, 100 ms an answer.'
mkfifo "$top/ready"
provider --port 0 --latency 100 --answers "$demo/answers.jsonl" \
    --journal "$top/journal.jsonl" --max-seconds 300 >"$top/ready" &
provider=$!
read -r line <"$top/ready"
OPENAI_BASE_URL=http://127.0.0.1:$(printf '%s' "$line" | jq .port)/v1
OPENAI_API_KEY=demo
export OPENAI_BASE_URL OPENAI_API_KEY
echo "OPENAI_BASE_URL=$OPENAI_BASE_URL"

say 'What has to run: 14 questions, 2 answering models, 1 judge, 2 replicates.'
run 'kv-manifest -b bench.jsonld -c preset.json -o results.json'

say 'Run it, and kill everything half-way with SIGKILL.'
echo '$ kv-run results.json.state | kv-append -q results.json.state'
setsid sh -c 'kv-run results.json.state | kv-append -q results.json.state' &
run=$!
while [ "$(done_so_far)" -lt 28 ]; do
    sleep 0.05
done
kill -KILL "-$run"
{ wait "$run"; } 2>/dev/null || true
echo '$ kill -KILL ...'

say 'Where it stands. Both files are valid JSON, and were at every moment.'
run 'kv-status --human results.json.state'
run 'jq -c ".results | length" results.json.tmp'

say 'The same line again goes on where it stopped.'
run 'kv-run results.json.state | kv-append -q results.json.state'

say 'One file remains.'
run 'kv-finalize results.json.state | jq .'
run 'ls -A'

say 'What the results say.'
run 'kv-report --text results.json | head -n 32'
run 'kv-report -o report.html results.json'
run 'ls -A'

say 'What it cost: 56 answers and 56 judgements are needed. More was asked only for'
echo '# what was in flight at the moment of the kill.'
echo "$(wc -l <"$top/journal.jsonl") requests"
