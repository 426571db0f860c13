# torture.bats - the short form of `make torture`: violations and trials, each with its control.

load ../helper

@test "torture: nothing that was acknowledged is lost, every document is whole, every control finds its fault" {
    export KV_TORTURE_DIR=$BATS_TEST_TMPDIR KV_OUT=${KV_OUT:-$BATS_TEST_TMPDIR}
    run "$ROOT/tests/torture/run" short
    printf '%s\n' "$output"
    assert_success
}
