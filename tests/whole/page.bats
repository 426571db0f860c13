# The page of kv-report in a browser: it works, asks for nothing, and nothing in it acts. Needs the
# Debian package chromium (tests/setup.sh browser).
load ../helper

setup() {
    kv_setup
    command -v chromium >/dev/null || skip 'no chromium here'
    python3 "$DATA/report/make-rows" uneven >results.json
    kv-report -o page.html results.json
}

# look OPTION... PAGE EXPRESSION... - what the browser tells, in seen.json
look() {
    "$ROOT/tests/peer/browser" "$@" >seen.json
    cat seen.json
    assert_equal "$(jq -c '[.console, .exceptions, .requests, .dialogs]' seen.json)" '[[],[],[],[]]'
}

value() {
    jq -c ".values[$1]" seen.json
}

@test "page: it shows all sections without an error and without a request" {
    local size theme
    for size in 1280x900 390x844; do
        for theme in '' --dark; do
            # shellcheck disable=SC2086
            look --size "$size" $theme page.html \
                '[...document.querySelectorAll("main > section > h2")].map(h => h.textContent)' \
                'document.documentElement.scrollWidth <= innerWidth' \
                'getComputedStyle(document.body).backgroundColor'
            assert_equal "$(value 0)" '["Rates","Differences","What did not pass","By keyword","Replicates","Judges","Questions","Cost and time","Health","Provenance"]'
            assert_equal "$(value 1)" true
            [ -n "$theme" ] || light=$(value 2)
            [ -z "$theme" ] || assert_not_equal "$(value 2)" "$light"
        done
    done
}

@test "page: questions are filtered by text and by outcome, and counted" {
    look page.html '
        const shown = () => [...document.querySelectorAll(".q")].filter(q => q.checkVisibility()).length;
        const type = async (id, value) => {
            const field = document.getElementById(id);
            field.value = value;
            field.dispatchEvent(new Event(field.tagName === "INPUT" ? "input" : "change"));
            await new Promise(done => setTimeout(done, 200));
            return [shown(), document.getElementById("count").textContent];
        };
        (async () => [await type("search", ""), await type("search", "WAS Q03"), await type("search", "nowhere"),
            await type("search", ""), await type("show", "e"), await type("show", "f")])()'
    assert_equal "$(value 0)" "[[12,\"12 of 12\"],[1,\"1 of 12\"],[0,\"0 of 12\"],[12,\"12 of 12\"],$(
        jq -c '[.results[9:][] | select(.metadata.failure.category == "timeout") | .metadata.question_id] | unique | length | [., "\(.) of 12"]' results.json),$(
        kv-report --json results.json | jq -c '[.unstable[].question_id] | unique | length | [., "\(.) of 12"]')]"
}

@test "page: a link to a question opens it, and its answer, fields and verdict are there" {
    look page.html 'document.querySelector("#failures td a").click();
        new Promise(done => setTimeout(() => {
            const q = document.querySelector(location.hash);
            done([q.open, q === document.activeElement.parentNode, q.querySelectorAll("pre").length > 0,
                q.querySelectorAll(".cells tbody tr").length > 0, q.querySelectorAll("h4 .o").length]);
        }, 100))'
    assert_equal "$(jq -c '.values[0][:4]' seen.json)" '[true,true,true,true]'
    assert_equal "$(jq '.values[0][4]' seen.json)" \
        "$(jq '[.results[9:][] | select(.metadata.question_id == "q00")] | length' results.json)"
}

@test "page: tables are sorted by the head that is pressed, with keys too" {
    look page.html '
        const table = document.querySelector("#rates table"), head = table.tHead.rows[0].cells[2];
        const rates = () => [...table.tBodies[0].rows].map(row => row.cells[2].textContent);
        const first = rates();
        head.querySelector("button").click();
        const down = rates();
        head.querySelector("button").click();
        const up = rates();
        [JSON.stringify(first) === JSON.stringify(down), JSON.stringify(down.reverse()) === JSON.stringify(up),
            head.getAttribute("aria-sort"), head.querySelector("button").tabIndex]'
    assert_equal "$(value 0)" '[true,true,"ascending",0]'
}

@test "page: without script everything is there but the filter" {
    "$ROOT/tests/peer/browser" --no-script --size 1280x900 --picture without.png page.html >/dev/null
    assert [ -s without.png ]
    # the page as it is, not as a script left it
    grep -q '<form class="tools" hidden>' page.html
    assert_equal "$(grep -c '<details class=q' page.html)" 12
}

@test "page: heads of tables have a scope, headings a level, and text enough contrast, light and dark" {
    local theme
    for theme in '' --dark; do
        # shellcheck disable=SC2086
        look $theme page.html '
            document.querySelectorAll("details.q").forEach(d => { d.open = true; });
            const light = (c) => c.map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
                .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const parse = (c) => c.match(/[\d.]+/g).map(Number);
            const behind = (e) => { for (; e; e = e.parentElement) {
                const c = parse(getComputedStyle(e).backgroundColor);
                if (c.length < 4 || c[3] > 0) return c.slice(0, 3); } };
            const faint = new Set();
            for (const e of document.querySelectorAll("main *, header *, nav *")) {
                if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || e.closest("svg, option")) continue;
                const style = getComputedStyle(e), a = light(parse(style.color).slice(0, 3)), b = light(behind(e));
                if ((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5) faint.add(e.tagName + "." + e.className);
            }
            [[...document.querySelectorAll("th")].filter(t => !t.scope).length, document.querySelectorAll("h1").length,
                [...faint], document.documentElement.lang,
                [...document.querySelectorAll("input, select")].filter(f => !f.closest("label")).length]'
        assert_equal "$(value 0)" '[0,1,[],"en",0]'
    done
}

@test "page: hostile texts do nothing, are shown, and open no door in the policy" {
    python3 "$DATA/report/make-rows" halves >hostile.json
    kv-report -o hostile.html hostile.json
    look hostile.html 'document.querySelectorAll("details.q").forEach(d => { d.open = true; });
        [document.scripts.length, document.images.length, document.querySelectorAll("main b:not(.k b)").length,
            document.querySelectorAll(".q").length, document.querySelector("#q1 > summary > span").textContent,
            document.body.textContent.includes("[U+202E]"), /[\u202a-\u202e\u0000-\u0008\u001b]/.test(document.body.textContent)]'
    assert_equal "$(value 0)" '[1,0,0,16,"</script><script>alert(1)</script>",true,false]'
    # a script that somebody added does not run
    sed 's|</main>|<script>document.title = "owned"; alert(1)</script><img src=x onerror="document.title = 1"></main>|' \
        page.html >changed.html
    "$ROOT/tests/peer/browser" changed.html document.title >seen.json
    assert_equal "$(value 0)" '"results.json"'
    assert_equal "$(jq -c '[.dialogs, .requests]' seen.json)" '[[],[]]'
}

@test "page: it prints without the filter" {
    look --print page.html '[getComputedStyle(document.querySelector(".tools")).display,
        getComputedStyle(document.querySelector("nav")).display, getComputedStyle(document.querySelector("#rates")).display]'
    assert_equal "$(value 0)" '["none","none","block"]'
}
