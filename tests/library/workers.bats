# workers: pieces of work spread over processes, at library level.
load ../helper
bats_require_minimum_version 1.5.0

# sizes - pieces and answers around what a room holds (2^19 bytes) and a pipe takes, small ones between
sizes() {
    local n m
    for n in 0 1 65520 524271 524272 524273 524288 1600000; do
        for m in 0 1 65536 524287 524288 524289 1600000; do
            echo "$n $m"
            echo "9 $((m % 1000))"
        done
    done
}

@test "workers: pieces and answers of any size arrive whole, and in order" {
    for most in 1 2 5; do
        run kvtest workers "$most" < <(sizes)
        assert_success
        assert_output '112 of 112'
    done
}

@test "workers: where memory cannot be shared, all goes through pipes" {
    [ -z "${KV_SAN:-}" ] || skip 'a sanitizer needs the memory for itself'
    run bash -c 'ulimit -v 400000 && exec kvtest workers 256' < <(sizes | head -n 60)
    assert_success
    assert_output '60 of 60'
}

@test "workers: one that dies at its work is told, whatever the others have answered" {
    run -4 --separate-stderr kvtest workers 3 < <(sizes | sed '40s/.*/die/')
    assert_output ''
    assert_stderr 'kv: a worker has ended before it answered'
}
