# What programs show while they work: the line of progress at any time and width.
load ../helper

# line COLUMNS TOTAL BEFORE TODO PASSED WRONG ERRORS SECONDS TOKENS
line() {
    run kvtest cli line "$@"
    assert_success
}

@test "progress: a wide line has it all, each number with its noun" {
    line 200 50 10 40 10 2 1 26 12345
    assert_output '[#########...........] 23/50 tasks  ETA 0:54  this run 13: 10 passed, 2 wrong, 1 error  3 calls in flight  30.0 tasks/min  12.3k tokens'
}

@test "progress: what matters least is left out first, and the line is shorter than the terminal" {
    line 80 50 10 40 10 2 1 26 12345
    assert_output '[####......] 23/50 tasks  ETA 0:54  this run 13: 10 passed, 2 wrong, 1 error'
    line 40 50 10 40 10 2 1 26 12345
    assert_output '[##...] 23/50 tasks  ETA 0:54'
    line 40 30000 12000 18000 800 200 0 1000 0
    assert_output '[##...] 13000/30000 tasks  ETA 4h43'
    for columns in $(seq 8 140); do
        line "$columns" 30000 12000 18000 800 200 7 1000 5000000
        assert [ "${#output}" -lt "$columns" ]
    done
}

@test "progress: the time left is that of this run's rate, and none before there is one" {
    line 0 100 90 10 5 0 0 50 0
    assert_output '95/100 tasks  ETA 0:50  this run 5: 5 passed, 0 wrong  3 calls in flight  6.0 tasks/min'
    line 0 100 90 10 0 0 0 50 0
    assert_output '90/100 tasks  this run 0: 0 passed, 0 wrong  3 calls in flight'
}

@test "progress: failures that are tried again are not counted twice" {
    line 0 10 7 3 3 0 0 60 0 # all ten have a result, and three of them are done again
    assert_output --partial '10/10 tasks  ETA 0:00  this run 3:'
    line 0 10 9 3 3 0 0 60 0 # chosen tasks, some of them failures
    assert_output --partial '10/10 tasks'
}

@test "progress: a bar is renewed at most ten times a second, a line written once a minute" {
    run kvtest cli due bar 0 0.05 0.1 0.15 0.2 0.31
    assert_output $'0\n0.1\n0.2\n0.31'
    run kvtest cli due line 0 1 59.9 60 61 119.9 120 181
    assert_output $'60\n120\n181'
}
