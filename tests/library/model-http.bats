# How transfers end, whatever the peer does.
load ../helper

setup() {
    kv_setup
    start_provider --script "$DATA/provider/peers.script.json"
    CHAT=$PROVIDER_URL/v1/chat/completions
}

# ask MODEL [OPTION...] - one request to the peer that behaves as MODEL says; prints how it ended
ask() {
    local model=$1
    shift
    printf '{"model":"%s","messages":[{"role":"user","content":"hello"}]}' "$model" >body.json
    kvtest http --body body.json "$@" "$CHAT"
}

# ends MODEL END STATUS [OPTION...]
ends() {
    local model=$1 end=$2 code=$3
    shift 3
    run ask "$model" "$@"
    assert_success
    assert_equal "$model: $(json '"\(.end) \(.status)"' <<<"$output")" "$model: $end $code"
}

@test "http: a reply is whole, or it is not an answer" {
    ends anything answered 200
    ends close connection 0
    ends reset connection 0
    ends cut connection 200
    ends chunk connection 200
    ends break connection 200
    ends badchunk connection 200
    ends short answered 200 # no length and a clean close: only the reader of the body can tell
    ends garbage garbage 0
    ends gzip garbage 200
}

@test "http: a refusal that is cut off keeps its status" {
    ends refused-cut connection 400
}

@test "http: silence ends at the deadline, a trickle does not end before" {
    ends hang timeout 0 --timeout 300
    ends drip answered 200 --timeout 20000
    ends drip timeout 200 --timeout 100
}

# at_laconic TEXT OPTION... - asks a port that answers with TEXT, or not at all if that is empty; by https or SCHEME,
# as a proxy if HOST is another one. What it was sent is in `heard`.
at_laconic() {
    local text=$1 port url
    shift
    rm -f ready hold
    mkfifo ready hold
    laconic ${text:+"$text"} <hold >ready 2>heard 3>&- &
    exec 8>hold
    port=$(head -n 1 ready | json .port)
    url=${SCHEME:-https}://${HOST:-127.0.0.1:$port}/
    http_proxy=http://127.0.0.1:$port https_proxy=http://127.0.0.1:$port run kvtest http "$@" "$url"
    exec 8>&-
    assert_success
}

@test "http: a deadline that passes before the request is out is a lost connection" {
    at_laconic '' --connect-timeout 200
    assert_equal "$(json '"\(.end) \(.sent)"' <<<"$output")" "connection false"
}

@test "http: bodies and headers are bounded, memory with them" {
    run ask endless --summary
    assert_success
    assert_equal "$(json '.ends | tojson' <<<"$output")" '{"too_large":1}'
    assert [ "$(json .rss_kb <<<"$output")" -lt 100000 ]
    ends line too_large 200
    run ask headers
    assert_success
    assert_equal "$(json '.end == "answered"' <<<"$output")" false
}

@test "http: a redirect is reported, not followed" {
    ends redirect answered 307
}

@test "http: nobody there is a lost connection that was not sent" {
    run kvtest http http://127.0.0.1:1/
    assert_success
    assert_equal "$(json '"\(.end) \(.sent)"' <<<"$output")" "connection false"
}

@test "http: connections are kept and used again" {
    run ask anything --count 50
    assert_success
    assert_equal "$(json -s 'map(select(.fresh)) | length' <<<"$output")" 1
    run ask anything --count 50 --fresh
    assert_success
    assert_equal "$(json -s 'map(select(.fresh)) | length' <<<"$output")" 50
}

@test "http: a connection that dies before the reply begins is tried again by libcurl itself" {
    # Known and not to be prevented: the server sees the request twice. Nothing may rely on
    # requests being sent at most once.
    run ask resent --count 2
    assert_success
    assert_equal "$(json -s 'map(.end) | join(" ")' <<<"$output")" "answered answered"
    assert_equal "$(json -s 'map(.peer) | tojson' "$JOURNAL")" '[null,"close",null]'
}

@test "http: as many at once as asked for, none queued inside" {
    run ask slow --count 40 --parallel 40 --summary
    assert_success
    assert_equal "$(json '.ends.answered' <<<"$output")" 40
    assert_equal "$(curl -s "$PROVIDER_URL/stats" | json .peak)" 40
    assert [ "$(json '.seconds * 1000 | floor' <<<"$output")" -lt 3000 ]
}

@test "http: descriptors bound the transfers in flight" {
    run bash -c "ulimit -n 80; kvtest http --body body.json --count 60 --parallel 60 --summary \
        '$CHAT' --body <(echo '{\"model\":\"slow\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}')"
    assert_success
    assert_equal "$(json '.ends | tojson' <<<"$output")" '{"answered":60}'
    assert [ "$(curl -s "$PROVIDER_URL/stats" | json .peak)" -le 17 ]
}

# streamed PARALLEL URL [OPTION...] - as many streams at once as words came of it; fails if one was cut
streamed() {
    printf '{"model":"any","messages":[{"role":"user","content":"hello"}],"stream":true}' >body.json
    kvtest http --stream --summary --count "$1" --parallel "$1" --body body.json "${@:3}" "$2" >summary || return
    [ "$(json .ends.answered summary)" = "$1" ]
}

# The text that a provider says in 100 pieces, one each 10 ms.
hundred_words() {
    jq -n '{rules: [{do: {stream: [{text: ([range(100) | "word "] | add), pieces: 100, every_ms: 10}, {finish: true}, {marker: true}]}}]}' >words.json
    stop_provider
    start_provider --script words.json
    CHAT=$PROVIDER_URL/v1/chat/completions
}

@test "http: streams that may wait wake their reader fifty times a second, not once a word" {
    hundred_words
    streamed 50 "$CHAT" --soon 0
    # 5,000 words; beside one look each 20 ms there is the first piece of each
    run jq -c '[.pieces > 50, .waits < 60 * .seconds + 60]' summary
    assert_output '[true,true]'
}

# unwatched WHEN OPTION... - the kernel does not watch a socket that libcurl asks for, as its epoll_ctl says
unwatched() {
    run --separate-stderr env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null -e trace=epoll_ctl \
        -e inject=epoll_ctl:error=ENOSPC:when="$1" kvtest http "${@:2}" "$PROVIDER_URL/health"
}

@test "http: a socket that the kernel has no room to watch ends its call at once, and twice is an error" {
    strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here"
    ASAN_OPTIONS=detect_leaks=0 strace -f -o calls -e trace=epoll_ctl kvtest http "$PROVIDER_URL/health" >/dev/null
    grep -q EPOLL_CTL_ADD calls || skip 'this build watches sockets by poll'
    unwatched 1 --count 2 --timeout 30000
    assert_success
    assert_equal "$(json .end <<<"$output" | tr '\n' ' ')" 'connection answered '
    unwatched 1+ --count 2 --timeout 30000
    assert_failure
    assert_stderr 'http: epoll_ctl: no space left on device'
}

@test "http: streams that may wait longer wake their reader ten times a second" {
    hundred_words
    streamed 50 "$CHAT" --later 0
    run jq -c '[.pieces > 50, .waits < 15 * .seconds + 60]' summary
    assert_output '[true,true]'
}

@test "http: a stream that would fill its buffer does not wait" {
    jq -n '{rules: [{do: {stream: [{text: ([range(200 * 1024) | "word "] | add), pieces: 1024, every_ms: 1}, {finish: true}, {marker: true}]}}]}' >fast.json
    stop_provider
    start_provider --script fast.json
    streamed 1 "$PROVIDER_URL/v1/chat/completions" --later 0
    # 1 MB in a second or more: with a look each 100 ms there would be ten, with some bytes in each
    run jq -c '.waits > 30 * .seconds' summary
    assert_output true
}

@test "http: what is cancelled is gone" {
    run ask hang --count 3 --parallel 3 --cancel
    assert_success
    assert_output '{"cancelled":3,"flying":0}'
}

@test "http: plain HTTP behind an https URL is a matter of configuration, not of retries" {
    at_laconic 'HTTP/1.1 400 Bad Request'
    assert_equal "$(json .end <<<"$output")" tls
}

@test "http: the headers of a reply are those of its last status line, without trailers" {
    SCHEME=http at_laconic $'HTTP/1.1 100 Continue\r\nX-Who: nobody\r\n\r\nHTTP/1.1 200 OK\r\nX-Who: one\r\nx-who:\ttwo \r\n  and more\r\nX-Empty:\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Who: late\r\n\r\n' \
        --look-up X-WHO
    assert_equal "$(json '[.end, .bytes, .headers, .header] | tojson' <<<"$output")" '["answered",2,4,"two and more"]'
}

# heard - the header lines of the request that at_laconic made, sorted, but for those that name the peer
heard() {
    tr -d '\r' <heard | sed -n '1d;/^$/q;p' | grep -v "^Host:" | LC_ALL=C sort
}

@test "http: what a request says of itself is said once, also to a proxy" {
    local agent encodings ok=$'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
    SCHEME=http at_laconic "$ok"
    agent=$(heard | grep '^User-Agent: kv/')
    encodings=$(heard | grep '^Accept-Encoding: .*gzip')
    assert_equal "$(heard)" "$encodings"$'\nAccept: application/json\n'"$agent"
    SCHEME=http at_laconic "$ok" --stream
    assert_equal "$(heard)" $'Accept: text/event-stream\n'"$agent"
    SCHEME=http at_laconic "$ok" --header 'user-agent: me'
    assert_equal "$(heard)" "$encodings"$'\nAccept: application/json\nuser-agent: me'
    SCHEME=http at_laconic "$ok" --header 'Accept-Encoding: br'
    assert_equal "$(heard)" $'Accept-Encoding: br\nAccept: application/json\n'"$agent"
    SCHEME=http at_laconic "$ok" --header 'accept: text/plain'
    assert_equal "$(heard)" "$encodings"$'\n'"$agent"$'\naccept: text/plain'
    SCHEME=http HOST=somewhere.invalid at_laconic "$ok"
    assert_equal "$(heard)" "$encodings"$'\nAccept: application/json\nProxy-Connection: Keep-Alive\n'"$agent"
    HOST=somewhere.invalid at_laconic $'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n' --header 'X-Key: secret'
    assert_equal "$(heard)" $'Proxy-Connection: Keep-Alive\n'"$agent"
}

@test "http: a certificate nobody vouches for is refused, and trusted once it is named" {
    command -v openssl >/dev/null || skip "no openssl program"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
    mkfifo ready
    openssl s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -www >ready 2>/dev/null 3>&- &
    local server=$! line port=
    while [ -z "$port" ] && IFS= read -r line; do
        case $line in ACCEPT*) port=${line##*:} ;; esac
    done <ready
    run kvtest http "https://localhost:$port/"
    local refused=$output
    run kvtest http --ca cert.pem "https://localhost:$port/"
    local trusted=$output
    run kvtest http --ca cert.pem "https://127.0.0.1:$port/"
    local misnamed=$output
    kill "$server"
    assert_equal "$(json .end <<<"$refused")" tls
    assert_equal "$(json '"\(.end) \(.status)"' <<<"$trusted")" "answered 200"
    assert_equal "$(json .end <<<"$misnamed")" tls
}

@test "http: loopback never goes through a proxy, other hosts do" {
    http_proxy=http://127.0.0.1:1 run ask anything
    assert_success
    assert_equal "$(json .end <<<"$output")" answered
    http_proxy=$PROVIDER_URL run kvtest http http://somewhere.invalid/v1/models
    assert_success
    assert_equal "$(json '"\(.end) \(.status)"' <<<"$output")" "answered 200"
}

@test "http: a large body is sent without asking leave first" {
    head -c 3000000 /dev/zero | tr '\0' x >text
    printf '{"model":"big","messages":[{"role":"user","content":"%s"}]}' "$(cat text)" >body.json
    run kvtest http --body body.json "$CHAT"
    assert_success
    assert_equal "$(json '"\(.end) \(.status)"' <<<"$output")" "answered 200"
    assert [ "$(json .total_ms <<<"$output")" -lt 900 ]
}

@test "http: a URL that cannot be asked is refused in one line" {
    local url
    for url in ftp://x/ 'http://u:p@127.0.0.1/' 'http://127.0.0.1/?api_key=x' ''; do
        run --separate-stderr kvtest http "$url"
        assert_failure 3
        assert_equal "${#stderr_lines[@]}" 1
    done
}

# nginx_h2 [http2 [SETTING]] - nginx with TLS in front of the provider, offering HTTP/2 or not; sets PORT
nginx_h2() {
    local nginx
    nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || skip "no nginx program"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
    PORT=$(shuf -i 20000-32000 -n 1)
    cat >nginx.conf <<END
pid $PWD/pid; error_log $PWD/errors; worker_processes 1;
events { worker_connections 2048; }
http {
    access_log off;
    client_body_temp_path $PWD/b; proxy_temp_path $PWD/p; fastcgi_temp_path $PWD/f;
    uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s;
    upstream up { server 127.0.0.1:$PROVIDER_PORT; keepalive 512; }
    server {
        listen 127.0.0.1:$PORT ssl ${1:-};
        ssl_certificate cert.pem; ssl_certificate_key key.pem; ${2:-}
        location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
}
END
    "$nginx" -p "$PWD" -c nginx.conf >/dev/null 2>&1 3>&- || skip "nginx does not start: $(tail -n 1 errors)"
}

# shared PARALLEL COUNT [OPTION...] - how many were answered, and over how many connections
shared() {
    printf '{"model":"any","messages":[{"role":"user","content":"hello"}]}' >body.json
    kvtest http --ca cert.pem --count "$2" --parallel "$1" "${@:3}" --body body.json \
        "https://localhost:$PORT/v1/chat/completions" |
        jq -s -c '[(map(select(.end == "answered" and .status == 200)) | length), (map(select(.fresh)) | length)]'
}

@test "http: where HTTP/2 is offered, many transfers share few connections" {
    stop_provider
    start_provider --latency 50
    nginx_h2 http2
    run shared 250 1000
    local said=$output
    run shared 250 1000 --apart
    kill "$(cat pid)"
    assert_equal "$(jq '.[0]' <<<"$said")" 1000
    assert [ "$(jq '.[1]' <<<"$said")" -le 4 ]
    assert_equal "$output" '[1000,250]'
}

@test "http: streams that share a connection are whole, and wake their reader as seldom" {
    hundred_words
    nginx_h2 http2 'proxy_buffering off;'
    streamed 50 "https://localhost:$PORT/v1/chat/completions" --ca cert.pem --soon 0
    kill "$(cat pid)"
    run jq -c '[.pieces > 50, .waits < 60 * .seconds + 200]' summary
    assert_output '[true,true]'
}

@test "http: a server that does not offer it is asked with as many connections as transfers, at once" {
    stop_provider
    start_provider --latency 2000
    nginx_h2
    run shared 140 140
    kill "$(cat pid)"
    assert_output '[140,140]'
    # None waited for the reply of another, as all beyond the 100 of a shared connection would have. A busy
    # machine may have answered the first before it has shaken the last hand.
    assert [ "$(curl -s "$PROVIDER_URL/stats" | jq .peak)" -gt 120 ]
}

@test "http: where one connection carries few, there are as many as it takes, and all is asked at once" {
    stop_provider
    start_provider --latency 2000
    nginx_h2 http2 'http2_max_concurrent_streams 10;'
    run shared 60 60
    kill "$(cat pid)"
    assert_equal "$(jq '.[0]' <<<"$output")" 60
    assert [ "$(jq '.[1]' <<<"$output")" -ge 6 ]
    assert_equal "$(curl -s "$PROVIDER_URL/stats" | jq .peak)" 60
}

@test "http: transfers that wait for a connection fail with it, and can be given up" {
    run kvtest http --summary --count 50 --parallel 50 https://127.0.0.1:1/
    assert_success
    assert_equal "$(json '.ends | tojson' <<<"$output")" '{"connection":50}'
    mkfifo ready hold
    laconic <hold >ready 3>&- &
    exec 8>hold
    run kvtest http --count 50 --parallel 50 --cancel "https://127.0.0.1:$(head -n 1 ready | json .port)/"
    exec 8>&-
    assert_output '{"cancelled":50,"flying":0}'
}

@test "http: transfers that waited for a connection that never came about do not wait as long again" {
    mkfifo ready hold
    laconic <hold >ready 3>&- &
    exec 8>hold
    run kvtest http --count 20 --parallel 20 --connect-timeout 6000 "https://127.0.0.1:$(head -n 1 ready | json .port)/"
    exec 8>&-
    assert_equal "$(jq -r .end <<<"$output" | sort | uniq -c | tr -s ' ')" ' 20 connection'
    # One tried for all of the 6 s, the others for what was left.
    assert_equal "$(jq -s 'map(select(.total_ms > 5000)) | length' <<<"$output")" 1
}
