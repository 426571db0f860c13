# help.awk - turns a man page of section 1 into the text of --help, as a C header.
#
#     awk -f man/help.awk man/kv-append.1 >build/help/kv-append.h      #define KV_HELP …
#     awk -v plain=1 -f man/help.awk man/kv-append.1                   the bare text
#
# The page is the truth: the usage line is its SYNOPSIS, the summary its .Nd, and each ".It Fl" of a
# section named *OPTIONS and each ".It Cm" of one named VERBS is listed with the first line of text
# below it, which is therefore written as a sentence that stands alone. Of mdoc it understands Nm Nd
# Fl Cm Ar Op Oo Oc and Ns in those
# places; anything else there is an error, so that page and help cannot drift apart unnoticed.

function fail(what)
{
    printf "%s:%d: %s: %s\n", FILENAME, FNR, what, $0 > "/dev/stderr"
    failed = 1
    exit 1
}

# Adds a word to `line`, behind a space unless the last macro (glue) or the word itself says no.
function put(word)
{
    line = line ((line == "" || glue || word ~ /^[],=]/) ? "" : " ") word
    glue = word ~ /[[=]$/
}

# Renders the words from `first` on of the current input line.
function render(first,   i, mode, closing)
{
    for (i = first; i <= NF; i++) {
        if ($i == "Fl" || $i == "Ar" || $i == "Cm")
            mode = $i
        else if ($i == "Ns")
            glue = 1
        else if ($i == "Op" || $i == "Oo") {
            put("[")
            closing += $i == "Op"
        } else if ($i == "Oc")
            put("]")
        else if (mode == "Fl" && $i !~ /^[],|=]$/)
            put("-" $i)
        else
            put($i)
    }
    while (closing-- > 0)
        put("]")
}

# Breaks a usage line, which starts in column 7, at column 78; what follows is indented. A bracketed
# group is not broken.
function wrap(text, indent,   words, n, i, out, column, depth, group)
{
    column = 7
    n = split(text, words, " ")
    for (i = 1; i <= n; i++) {
        group = group (group == "" ? "" : " ") words[i]
        depth += gsub(/\[/, "[", words[i]) - gsub(/\]/, "]", words[i])
        if (depth > 0)
            continue
        if (out != "" && column + 1 + length(group) > 78) {
            out = out "\n" sprintf("%" indent "s", "")
            column = indent
        } else if (out != "") {
            out = out " "
            column++
        }
        out = out group
        column += length(group)
        group = ""
    }
    return out
}

# The first letter of a sentence in lower case, unless it begins an acronym; no full stop.
function phrase(sentence)
{
    gsub(/\\&/, "", sentence)
    gsub(/\\-/, "-", sentence)
    gsub(/\\\(aq/, "'", sentence)
    sub(/\.$/, "", sentence)
    if (sentence !~ /^[A-Z][A-Z]/)
        sentence = tolower(substr(sentence, 1, 1)) substr(sentence, 2)
    return sentence
}

function end_usage()
{
    if (line != "")
        usage[++usages] = line
    line = ""
    glue = 0
}

/^\.\\"/ { next }
/^\.Sh / {
    end_usage()
    section = substr($0, 5)
    if (section ~ / OPTIONS$/ || section == "VERBS" || (section == "OPTIONS" && options)) {
        flag[++options] = ""
        about[options] = tolower(section)
    }
    next
}

section == "NAME" && /^\.Nm / { name = $2; next }
section == "NAME" && /^\.Nd / { summary = substr($0, 5); next }

section == "SYNOPSIS" && /^\.Nm/ { end_usage(); line = name; next }
section == "SYNOPSIS" && /^\.(Op|Oo|Oc|Fl|Ar)/ { sub(/^\./, ""); $1 = $1; render(1); next }
section == "SYNOPSIS" { fail("cannot render") }

section ~ /OPTIONS$/ && /^\.It Fl / {
    render(2)
    flag[++options] = (line ~ /^--/ ? "    " : "") line
    line = ""
    wanted = 1
    next
}
section == "VERBS" && /^\.It Cm / {
    render(2)
    flag[++options] = line
    line = ""
    wanted = 1
    next
}
section ~ /OPTIONS$|^VERBS$/ && wanted {
    if (/^\./)
        fail("the first line below an option or a verb must be plain text")
    about[options] = phrase($0)
    wanted = 0
}

function emit(text)
{
    if (!plain) {
        gsub(/\\/, "\\\\", text)
        gsub(/"/, "\\\"", text)
        gsub(/\n/, "\\n\" \\\n    \"", text)
        text = "    \"" text "\\n\" \\"
    }
    print text
}

END {
    if (!failed && (name == "" || summary == "" || usages == 0 || wanted)) {
        printf "%s: no name, summary, synopsis, or text of the last option\n", FILENAME > "/dev/stderr"
        failed = 1
    }
    if (failed)
        exit 1
    if (!plain)
        printf "/* Made from %s by man/help.awk. */\n#define KV_HELP \\\n", FILENAME
    for (i = 1; i <= usages; i++)
        emit((i == 1 ? "usage: " : "       ") wrap(usage[i], 11))
    emit(summary)
    for (i = 1; i <= options; i++) {
        if (i == 1 || flag[i] == "")
            emit("")
        if (flag[i] == "")
            emit(about[i] ":")
        else if (length(flag[i]) > 26)
            emit("  " flag[i] "\n" sprintf("%30s", "") about[i])
        else
            emit(sprintf("  %-26s  %s", flag[i], about[i]))
    }
    if (!plain)
        print ""
}
