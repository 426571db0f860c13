# What kv-run shows on a terminal, and what it writes where there is none.
load ../helper

setup() {
    kv_setup
    export TERM=xterm
    unset NO_COLOR KV_NO_HINTS
    tasks 12
}

# tasks N - a run of so many tasks
tasks() {
    seq "$1" | sed 's/.*/"t&"/' | kv-manifest --force --tasks - -o r.json >/dev/null
}

DO='sleep 0.05; jq -c {task_id}'

# on_terminal [-c COLUMNS] [-i REGEX] COMMAND... - what it writes to a terminal, a line each, into the
# file shown; $status
on_terminal() {
    status=0
    python3 "$ROOT/tests/peer/terminal.py" "$@" </dev/null >raw 2>&1 || status=$?
    tr '\r' '\n' <raw | sed 's/\x1b\[K//g' | sed '/^$/d' >shown
}

completed() {
    kv-status r.json | jq .progress.completed_count
}

@test "run: on a terminal it refuses before anything is asked, and shows what to type" {
    on_terminal kv-run --exec "touch asked; $DO" -j 2 ./r.json.state
    assert_equal "$status" 2
    assert_equal "$(<shown)" "kv-run: a terminal keeps no results; type: kv-run --exec 'touch asked; $DO' -j 2 ./r.json.state | kv-append -q r.json.state, or kv-run --append --exec 'touch asked; $DO' -j 2 ./r.json.state"
    refute [ -e asked ]
    sed "s/.*type: //; s/, or .*//" shown >typed
    run --separate-stderr sh typed
    assert_success
    assert_equal "$(completed)" 12
    on_terminal kv-run --dry-run --exec "$DO" r.json
    assert_equal "$status" 0
}

@test "run: --append keeps the results, on a terminal and without" {
    on_terminal kv-run --append --exec "$DO" r.json
    assert_equal "$status" 0
    assert_equal "$(completed)" 12
    assert_equal "$(tail -n 1 shown)" 'kv-run: to end: kv-finalize r.json.state'
    tasks 3
    run --separate-stderr kv-run --append --exec "$DO" r.json
    assert_success
    assert_output ''
    assert_stderr ''
    assert_equal "$(completed)" 3
}

@test "run: when nothing is pending a terminal is told how to end" {
    kv-run --exec "$DO" r.json | kv-append -q r.json
    on_terminal kv-run --exec "$DO" r.json
    assert_equal "$status" 0
    assert_equal "$(<shown)" 'kv-run: nothing is pending; to end: kv-finalize r.json.state'
    run --separate-stderr kv-run --exec "$DO" r.json
    assert_stderr ''
}

@test "run: what --append could not keep is told, and its status is that of kv-append" {
    run --separate-stderr kv-run --append --exec "$DO" nothing.json
    assert_failure 3
    assert_stderr 'kv-run: nothing.json.state: no such file or directory'
    run --separate-stderr kv-run --append --check r.json
    assert_failure 2
    run --separate-stderr kv-run --append --exec 'rm -f r.json.tmp; jq -c {task_id}' r.json
    assert_failure
    assert_regex "$stderr" 'kv-append: r.json'
}

@test "run: after Ctrl-C it says what is pending and how to go on, and that works" {
    local DO='sleep 0.5; jq -c {task_id}' # for whoever types Ctrl-C on a busy machine
    on_terminal -i '[2-9]/12' kv-run --append -j 2 --exec "$DO" r.json
    assert_equal "$status" 130
    local left
    left=$((12 - $(completed)))
    assert [ "$left" -gt 0 ]
    grep -qx "kv-run: $((12 - left)) of 12 tasks have a result; this run $((12 - left)) in 0:0[0-9]: .*" shown
    grep -qx "kv-run: stopped by SIGINT; $left tasks\? \(is\|are\) pending" shown
    assert_equal "$(tail -n 1 shown)" "kv-run: to go on: kv-run --append -j 2 --exec '$DO' r.json"
    tail -n 1 shown | sed 's/.*to go on: //' >typed
    sh typed
    assert_equal "$(completed)" 12
}

@test "run: a pipeline that Ctrl-C ends keeps what was done and shows the whole pipeline to type" {
    local DO='sleep 0.5; jq -c {task_id}' # for whoever types Ctrl-C on a busy machine
    on_terminal -i '[2-9]/12' sh -c "kv-run -j 2 --exec '$DO' r.json | kv-append -q r.json"
    assert [ "$(completed)" -ge 2 ]
    tail -n 1 shown | sed 's/.*to go on: //' >typed
    assert_equal "$(<typed)" "kv-run -j 2 --exec '$DO' r.json | kv-append -q r.json.state"
    sh typed
    assert_equal "$(completed)" 12
}

@test "run: the way to go on after a signal is told in a log too" {
    mkfifo rows
    kv-append -q r.json <rows &
    kv-run -j 1 --exec 'touch begun; sleep 0.5; jq -c {task_id}' r.json >rows 2>err &
    local pid=$!
    until [ -e begun ]; do read -rt 0.01 <> <(:) || true; done
    kill -TERM $pid
    wait
    grep -q '^kv-run: stopped by SIGTERM; 11 tasks are pending$' err
    assert_equal "$(tail -n 1 err)" "kv-run: to go on: kv-run -j 1 --exec 'touch begun; sleep 0.5; jq -c {task_id}' r.json | kv-append -q r.json.state"
}

@test "run: the bar counts the whole and this run apart, a noun for each number" {
    kv-run --max-tasks 5 --exec "$DO" r.json 2>err | kv-append -q r.json
    on_terminal -c 120 kv-run --append -j 2 --exec "$DO" r.json
    grep -qE '^\[#{8}\.{12}\] 5/12 tasks  this run 0: 0 passed, 0 wrong  2 calls in flight$' shown
    sed -nE 's|^\[[#.]*\] ([0-9]+)/12 tasks .* this run ([0-9]+): 0 passed, 0 wrong.*|\1 \2|p' shown >counts
    assert [ "$(awk '$2 > 0 && $1 == $2 + 5' counts | grep -c .)" -gt 0 ]
    assert_equal "$(awk '$1 != $2 + 5' counts)" ''
    grep -qE '^kv-run: 12 of 12 tasks have a result; this run 7 in 0:0[0-9]: 0 passed, 0 wrong, 7 unscored$' shown
}

@test "run: the line never wraps, and at 40 columns it still has bar, count and time left" {
    for columns in 10 40 80; do
        tasks 12
        on_terminal -c $columns kv-run --append -j 1 --exec "sleep 0.05; $DO" r.json
        grep -v '^kv-run: ' shown >lines
        assert [ "$(awk '{ if (length($0) > m) m = length($0) } END { print m }' lines)" -lt $columns ]
    done
    tasks 12
    on_terminal -c 40 kv-run --append -j 1 --exec "sleep 0.05; $DO" r.json
    grep -qE '^\[#+\.+\] [0-9]+/12 tasks  ETA [0-9]+:[0-9]{2}$' shown
}

@test "run: a dumb terminal and NO_COLOR see plain lines" {
    TERM=dumb on_terminal kv-run --append --exec "$DO" r.json
    refute grep -q $'\x1b' raw
    assert_equal "$(head -n 1 shown | sed 's/ in .*//')" 'kv-run: 12 of 12 tasks have a result; this run 12'
    assert_equal "$(grep -c . shown)" 2
    tasks 3
    NO_COLOR=1 on_terminal kv-run --append --exec "$DO" r.json
    refute grep -q $'\x1b\[[0-9;]*m' raw
}

@test "run: without a terminal a short run is silent, and --progress=line has a last line" {
    run --separate-stderr kv-run --append --exec "$DO" r.json
    assert_stderr ''
    tasks 3
    run --separate-stderr kv-run --append --progress=line --exec "$DO" r.json
    assert_regex "$stderr" '^kv-run: 3 of 3 tasks have a result; this run 3 in 0:0[0-9]: 0 passed, 0 wrong, 3 unscored'
    tasks 3
    on_terminal kv-run --append --progress=none --exec "$DO" r.json
    refute [ -s raw ]
    run --separate-stderr kv-run --progress=often r.json
    assert_failure 2
    assert_regex "$stderr" "--progress: expected auto, line, none, not 'often'"
}

@test "run: errors are counted once at the end" {
    tasks 3
    on_terminal kv-run --append --exec 'grep -q t2 && exit 1; echo "{}"' r.json
    assert_equal "$(grep -c ' 1 error' <(grep '^kv-run: ' shown))" 1
    tasks 3
    run --separate-stderr kv-run --append --progress=auto --exec 'grep -q t2 && exit 1; echo "{}"' r.json
    assert_regex "$stderr" '^kv-run: 0 passed, 0 wrong, 0 declined, 1 error, 2 unscored$'
}

@test "run: results in a file are none to go on from: no next command" {
    run --separate-stderr sh -c "kv-run --progress=line --exec '$DO' r.json >rows"
    assert_regex "$stderr" 'kv-run: 12 of 12 tasks have a result'
    refute_regex "$stderr" 'to end|to go on'
}
