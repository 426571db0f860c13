# Every file that a fuzzer found interesting is read again by the parser it was found with.
load ../helper

replay() {
    export KV_SHARE=$ROOT/share
    mkdir seeds
    tar -xzf "$ROOT/tests/fuzz/corpus/$1.tar.gz" -C seeds
    run "fuzz-$1" seeds/*
    assert_success
    assert_output "$(find seeds -type f | wc -l) files"
}

@test "fuzz: every parser has a target and seeds" {
    for t in "$ROOT"/tests/fuzz/*.c; do
        t=$(basename "$t" .c)
        [ "$t" != replay ] || continue
        assert [ -f "$ROOT/tests/fuzz/corpus/$t.tar.gz" ]
    done
}

@test "fuzz: json survives its corpus" { replay json; }
@test "fuzz: template survives its corpus" { replay template; }
@test "fuzz: extract survives its corpus" { replay extract; }
@test "fuzz: config survives its corpus" { replay config; }
@test "fuzz: bench survives its corpus" { replay bench; }
@test "fuzz: result survives its corpus" { replay result; }
@test "fuzz: state survives its corpus" { replay state; }
@test "fuzz: reply survives its corpus" { replay reply; }
@test "fuzz: pattern survives its corpus" { replay pattern; }
@test "fuzz: date survives its corpus" { replay date; }
@test "fuzz: store survives its corpus" { replay store; }
@test "fuzz: recorded survives its corpus" { replay recorded; }
@test "fuzz: verify survives its corpus" { replay verify; }
@test "fuzz: score survives its corpus" { replay score; }
@test "fuzz: tasks survives its corpus" { replay tasks; }
@test "fuzz: url survives its corpus" { replay url; }
@test "fuzz: finalize survives its corpus" { replay finalize; }
@test "fuzz: report survives its corpus" { replay report; }
