# The pace of a run against limits that nobody here wrote: nginx, haproxy, squid; and against a queue.
# Debian's packages nginx-light, haproxy and squid; a test is skipped where they are not installed.
# With LIMITERS_SECONDS=60 each run takes so long, with LIMITERS_TOLD=1 it says what was served, and
# with LIMITERS_JOBS='2 8 16' it is done at these numbers as well.
load ../helper
load ../quiz

PATH=$PATH:/usr/sbin

setup() {
    kv_setup
    LIMITER_PID=
    bench $((125 * ${LIMITERS_SECONDS:-12}))
}

teardown() {
    [ -z "$LIMITER_PID" ] || kill "$LIMITER_PID" 2>/dev/null || true
    stop_provider
}

# listen COMMAND... - runs a server whose configuration file holds PORT, on a port that is free
listen() {
    local file=$1 port
    shift
    for _ in 1 2 3 4 5; do
        port=$(shuf -i 20000-60000 -n 1)
        sed "s/PORT/$port/" "$file" >"$file.now"
        "$@" >server.log 2>&1 3>&- &
        LIMITER_PID=$!
        if curl -s -o ignored --retry 30 --retry-connrefused --retry-delay 0 --retry-max-time 10 \
            "http://127.0.0.1:$port/v1/models"; then
            LIMITER_URL=http://127.0.0.1:$port/v1
            return
        fi
        kill "$LIMITER_PID" 2>/dev/null || true
    done
    fail "$1 did not start: $(cat server.log error.log 2>&1)"
}

# start_nginx LIMITS - nginx before the provider; LIMITS stand in its location
start_nginx() {
    command -v nginx >/dev/null || skip "nginx is not installed (Debian: nginx-light)"
    printf '%s\n' 'daemon off;' 'master_process off;' 'pid nginx.pid;' 'error_log error.log;' \
        'events { worker_connections 1024; }' 'http {' \
        'log_format s "$msec $status";' 'access_log served.log s;' \
        'client_body_temp_path tmp_body;' 'proxy_temp_path tmp_proxy;' 'fastcgi_temp_path tmp_f;' \
        'uwsgi_temp_path tmp_u;' 'scgi_temp_path tmp_s;' \
        'limit_req_zone $binary_remote_addr zone=slow:1m rate=5r/s;' \
        'limit_req_zone $binary_remote_addr zone=rate:1m rate=20r/s;' \
        'limit_conn_zone $binary_remote_addr zone=conn:1m;' \
        'split_clients $request_id $chance { 30% 1; * 0; }' \
        'server { listen 127.0.0.1:PORT;' \
        "location / { $1 proxy_pass http://127.0.0.1:$PROVIDER_PORT; proxy_http_version 1.1; } } }" \
        >nginx.conf
    listen nginx.conf nginx -p "$PWD/" -e error.log -c nginx.conf.now
}

# start_haproxy RULES SERVER - haproxy before the provider
start_haproxy() {
    command -v haproxy >/dev/null || skip "haproxy is not installed (Debian: haproxy)"
    printf '%s\n' 'defaults' 'mode http' 'timeout connect 5s' 'timeout client 60s' \
        'timeout server 60s' 'timeout queue 3s' 'frontend f' 'bind 127.0.0.1:PORT' "$1" \
        'default_backend b' 'backend b' "server s 127.0.0.1:$PROVIDER_PORT $2" >haproxy.conf
    listen haproxy.conf haproxy -db -f haproxy.conf.now
}

# start_squid BYTES - squid before the provider, which lets so many bytes a second through
start_squid() {
    command -v squid >/dev/null || skip "squid is not installed (Debian: squid)"
    cat >squid.conf <<END
http_port 127.0.0.1:PORT accel defaultsite=model no-vhost
pid_filename $PWD/squid.pid
cache_log $PWD/squid.log
access_log none
cache deny all
http_access allow all
cache_peer 127.0.0.1 parent $PROVIDER_PORT 0 no-query originserver
delay_pools 1
delay_class 1 1
delay_access 1 allow all
delay_parameters 1 $1/$1
shutdown_lifetime 0 seconds
END
    [ "$(id -u)" -ne 0 ] || chmod 777 .
    listen squid.conf squid -N -f squid.conf.now
}

# try_numbers - what other numbers do, where LIMITERS_JOBS names some
try_numbers() {
    local jobs
    for jobs in ${LIMITERS_JOBS:-}; do
        go_for 12 -j "$jobs"
    done
}

# go_for SECONDS [OPTION...] - a run through the limiter for so long; leaves SERVED, a second in the
# last two thirds, and REFUSED, in hundredths of all requests
go_for() {
    local seconds=${LIMITERS_SECONDS:-$1} line
    shift
    quiz_preset 1 "(.. | objects | select(has(\"endpoint_base_url\"))).endpoint_base_url =
        \"${LIMITER_URL:-$PROVIDER_URL/v1}\" | del(.retry_policy) | ${PRESET:-.}"
    rm -f r.json* served.log
    [ ! -e nginx.pid ] || kill -USR1 "$LIMITER_PID"
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    : >"$JOURNAL"
    run bash -c "kv-run -v --time-limit $seconds --grace 5 $* r.json.state 2>err | kv-append -q r.json.state"
    SERVED=$(jq -s --argjson s "$seconds" 'map(select(.status == 200).time) | min as $from |
        map(select(. >= $from + $s / 3 and . < $from + $s)) | length / ($s * 2 / 3)' "$JOURNAL")
    REFUSED=$(jq -n --argjson n "$(grep -cE '(rate_limit|overloaded): .*asking again' err)" \
        --argjson ok "$(jq -s length "$JOURNAL")" '$n * 100 / ($ok + $n)')
    line="$* $SERVED/s, $REFUSED % refused, $(grep -c -i 'timeout.*asking again' err || true) timeouts"
    printf '%s\n' "$line" >>lines
    [ -z "${LIMITERS_TOLD:-}" ] || printf '# %s\n' "$line" >&3
    grep -q 'time-limit' err || fail "$line: $(tail -5 err)"
}

# at_least RATE - and nothing failed, and few were refused
at_least() {
    jq -ne "$SERVED >= $1" >/dev/null || fail "less than $1/s: $(tail -1 lines); $(tail -3 err)"
    jq -ne "$REFUSED <= ${2:-10}" >/dev/null || fail "many were refused: $(tail -1 lines)"
    run kv-status --json r.json.state
    assert_equal "$(jq '.results.failed // 0' <<<"$output")" 0
    try_numbers
}

@test "limiters: nginx, 20 requests a second, with a burst of 20, held back or not" {
    start_provider --answers answers.jsonl --latency 50
    start_nginx 'limit_req zone=rate burst=20 nodelay; limit_req_status 429;'
    go_for 12 -j auto
    at_least 14 15
    kill "$LIMITER_PID"
    start_nginx 'limit_req zone=rate burst=20;'
    go_for 12 -j auto
    at_least 14
}

@test "limiters: nginx, 20 requests a second without a burst" {
    start_provider --answers answers.jsonl --latency 50
    start_nginx 'limit_req zone=rate; limit_req_status 429;'
    go_for 12 -j auto
    at_least 9 20
}

@test "limiters: nginx, 20 connections and 4" {
    start_provider --answers answers.jsonl --latency 300
    start_nginx 'limit_conn conn 20;'
    go_for 12 -j auto
    at_least 35
    kill "$LIMITER_PID"
    start_nginx 'limit_conn conn 4;'
    go_for 12 -j 64
    at_least 8
}

@test "limiters: haproxy, four at a time and a queue of three seconds" {
    start_provider --answers answers.jsonl --latency 300
    start_haproxy '' 'maxconn 4'
    go_for 12 -j auto
    at_least 8
}

@test "limiters: haproxy, 20 requests a second, where refused ones count" {
    start_provider --answers answers.jsonl --latency 50
    start_haproxy 'stick-table type ip size 1k expire 10s store http_req_rate(1s)
        http-request track-sc0 src
        http-request deny deny_status 429 if { sc_http_req_rate(0) gt 20 }' ''
    go_for 25 -j auto # the first burst is punished for some seconds
    at_least 9 12
}

@test "limiters: nginx, 5 requests a second, with a burst of 10" {
    start_provider --answers answers.jsonl --latency 50
    start_nginx 'limit_req zone=slow burst=10 nodelay; limit_req_status 429;'
    go_for 12 -j auto
    at_least 4 15
}

@test "limiters: nginx refuses three in ten at random: no call waits for the times of others" {
    start_provider --answers answers.jsonl --latency 50
    start_nginx 'add_header Retry-After 1 always; if ($chance) { return 429; }'
    go_for 24 -j 1
    at_least 4 60 # 20 at most
    go_for 24 -j 4
    at_least 12 60
}

@test "limiters: squid, so many bytes a second" {
    start_provider --answers answers.jsonl --latency 50
    start_squid 8000
    go_for 12 -j auto
    at_least 8
    run grep -c -i timeout err
    assert_output 0
}

@test "limiters: four slots of half a second: no call waits for its time limit" {
    start_provider --answers answers.jsonl --latency 500 --slots 4
    PRESET='(.. | objects | select(has("model_name"))) += {request_timeout: 12}' go_for 12 -j auto
    at_least 6
    run grep -c -i timeout err
    assert_output 0
}
