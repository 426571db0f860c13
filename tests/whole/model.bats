# The commit protocol as a model, gone through by spin: what holds, and that each protection is needed.

load ../helper

@test "model: no execution breaks what the growing documents promise; without any of its protections one does" {
    command -v spin >/dev/null || skip "no spin here (Debian: spin)"
    run "$ROOT/tests/model/run"
    printf '%s\n' "$output"
    assert_success
    assert_equal "$(grep -c '^killed.* states' <<<"$output")" 5
    assert_equal "$(grep -c 'breaks: ' <<<"$output")" 9
}
