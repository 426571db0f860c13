# Answer templates: both forms read, refused, shown to judges.
load ../helper
load ../agree

# read_template TEXT - what kvtest template makes of one template
read_template() {
    jq -nc --arg source "$1" '{source: $source}' | kvtest template
}

# jq: what of a strategy is compared
strategy='def strategy: if . == null then null
    elif .type == "field_check" then {type, field: .field_name}
    else {type} + (if .type == "at_least_n" then {n} else {} end)
        + {conditions: [.conditions[] | strategy]} end;'

@test "template: every recorded template is read as karenina reads it" {
    kvtest template <"$DATA/templates/templates.jsonl" >got
    # Deviations: the words of pydantic's reports (two lines), of which the first is the same.
    run agree "$strategy"'
        def head: sub("(?s)[:\n]? *(\n|: (cutoff|tolerance)).*"; "");
        .want as $w | .got as $g
        | if $w.valid | not then
            $g.outcome == "invalid" and (($w.error | head) == ($g.error | head))
          elif $w.declarative | not then $g.outcome == "code"
          else $g.outcome == "ok" and $g.class_name == $w.class_name
            and $g.plain_fields == $w.plain_fields and ($g.strategy | strategy) == $w.strategy
            and $g.fields == [$w.fields[] | del(.type)]
            and ($g.judge_schema | tojson) == ($w.judge_schema | tojson)
          end' "$DATA/templates/templates.jsonl" got .name
    assert_output '59/59'
}

@test "template: every form of a literal, a type, a call or a class is read as Python reads it" {
    kvtest template <"$DATA/templates/forms.jsonl" >got
    run agree "$strategy"'
        .want as $w | (.got | .strategy |= strategy) as $g
        | $g.outcome == $w.outcome and if $w.outcome == "invalid" then ($g.error | sub("(?s)\n.*"; "")) == $w.error
          else ($g | {class_name, plain_fields, fields, strategy}) == ($w | {class_name, plain_fields, fields, strategy})
            and ($w.judge_schema == null or ($g.judge_schema | tojson) == ($w.judge_schema | tojson)) end' \
        "$DATA/templates/forms.jsonl" got .source
    assert_output "$(grep -c '' "$DATA/templates/forms.jsonl" | sed 's|.*|&/&|')"
}

@test "template: what a template says survives as a TemplateSpec" {
    kvtest template <"$DATA/templates/templates.jsonl" | jq -c 'select(.outcome == "ok")' >first
    jq -c '{source: .spec}' first | kvtest template >second
    # A TemplateSpec knows no defaults, no plain fields and no optional types.
    run agree '[.want, .got | [.fields[] | del(.required, .default)], .strategy, .ground_truth]
        | .[:3] == .[3:]' first second .class_name
    assert_output '42/42'
}

@test "template: the schema for servers asks for every field and lets what is verified be null" {
    run read_template 'class Answer(BaseAnswer):
    a: Literal["x", "y"] = VerifiedField(description="d", ground_truth="x", verify_with=LiteralMatch())
    b: list[str] = VerifiedField(description="e", ground_truth=[], verify_with=SetContainment())
    c: bool = VerifiedField(description="f", ground_truth=True, verify_with=TraceContains(substring="s"))'
    assert_success
    run jq -c .strict_schema <<<"$output"
    assert_output '{"additionalProperties":false,"properties":{"a":{"description":"d","enum":["x","y",null],"type":["string","null"]},"b":{"description":"e","items":{"type":"string"},"type":["array","null"]}},"required":["a","b"],"title":"Answer","type":"object"}'
}

@test "template: the schema for servers allows null only where the reading of the reply takes it" {
    run read_template 'class Answer(BaseAnswer):
    a: str = VerifiedField(description="d", ground_truth="x", verify_with=ExactMatch())
    b: int = Field(description="e")
    c: Optional[int] = Field(description="f")
    d: Literal["x", "y"] = Field(description="g")
    e: Literal["x"] = Field(default="x", description="h")
    f: int | str | None = Field(description="i")
    g: int | str = Field(description="j")
    h: Any = Field(description="k")'
    assert_success
    run jq -c '.strict_schema.properties | to_entries[] | [.key, .value.type, .value.enum, .value.anyOf]' <<<"$output"
    assert_output '["a",["string","null"],null,null]
["b","integer",null,null]
["c",["integer","null"],null,null]
["d","string",["x","y"],null]
["e","string",["x"],null]
["f",null,null,[{"type":"integer"},{"type":"string"},{"type":"null"}]]
["g",null,null,[{"type":"integer"},{"type":"string"}]]
["h",["string","number","boolean","null"],null,null]'
}

@test "template: no schema holds ground truth, primitive, weight or hint" {
    run read_template 'class Answer(BaseAnswer):
    a: str = VerifiedField("asked", "SECRET", ExactMatch(normalize=["SECRET"]), 777.0, "SECRET")'
    assert_success
    run jq -r '.judge_schema, .indented_schema, .strict_schema' <<<"$output"
    assert_output --partial asked
    refute_output --partial SECRET
    refute_output --partial 777
}

@test "template: what would have to be executed is told from what is wrong" {
    local field='a: int = VerifiedField(description="d", ground_truth=1, verify_with=NumericExact())'
    while IFS='|' read -r want body; do
        echo "$body"
        body=$(printf '%b' "$body")
        run read_template "class Answer(BaseAnswer):
    ${body/FIELD/$field}"
        assert_success
        assert_equal "$(jq -r .outcome <<<"$output")" "$want"
    done <<'CASES'
ok|FIELD
ok|FIELD\n    pass
ok|FIELD; pass
ok|"""doc"""\n    FIELD
code|FIELD\n    def verify(self):\n        return True
code|FIELD\n    @property\n    def x(self): return 1
code|a: int = VerifiedField(description="d", ground_truth=len("x"), verify_with=NumericExact())
code|a: int = VerifiedField(description="d", ground_truth=1 + 1, verify_with=NumericExact())
code|a: int = VerifiedField(description=f"d", ground_truth=1, verify_with=NumericExact())
code|a: int = VerifiedField(description="d", ground_truth=[x for x in "a"], verify_with=NumericExact())
code|a: int = VerifiedField(description="d", ground_truth=1 if True else 2, verify_with=NumericExact())
code|a: int = VerifiedField(description="d", ground_truth=(lambda x, y: x), verify_with=NumericExact())
code|a: bytes = VerifiedField(description="d", ground_truth="", verify_with=ExactMatch())
code|a: set[str] = VerifiedField(description="d", ground_truth=[], verify_with=SetContainment())
code|if True:\n        FIELD
code|a: str = VerifiedField("d", "abc"[::-1], ExactMatch())
code|a: str = VerifiedField("d", {x: 1 for x in "ab"}, ExactMatch())
code|a: str = VerifiedField("d", *["x", ExactMatch()])
code|a: str = VerifiedField("d", "x", ExactMatch(**{}))
code|a: int = VerifiedField("d", 1, NumericExact(), ge=0)
code|FIELD\n    b: int = Field(ge=0)
code|FIELD\n    import os
code|FIELD\n    class VerificationStrategy:\n        verify_strategy = AllOf(conditions=[FieldCheck(field="a")] * 2)
code|FIELD\nAnswer.model_rebuild()
code|FIELD\nOther = Answer
ok|FIELD\ndef helper(x):\n    return x
invalid|FIELD\n    class VerificationStrategy:\n        verify_strategy = AllOf(conditions=None)
invalid|a: int = VerifiedField(description="d", ground_truth=LIMIT, verify_with=NumericExact())
invalid|a: Colour = VerifiedField(description="d", ground_truth=1, verify_with=NumericExact())
invalid|a: "list[" = VerifiedField(description="d", ground_truth=1, verify_with=NumericExact())
invalid|int: int = VerifiedField(description="d", ground_truth=1, verify_with=NumericExact())
invalid|FIELD\n    list: list[str] = VerifiedField("d", [], SetContainment())
ok|int: int\n    FIELD
invalid|a: int = VerifiedField(description="d", ground_truth=1, verify_with=Fuzzy())
invalid|a: int = VerifiedField(description="d", ground_truth=1, verify_with=NumericTolerance(tolerance="much"))
invalid|a: int = VerifiedField(description="d", ground_truth=1, verify_with=NumericExact()
invalid|a: int = VerifiedField(description="d", ground_truth=1 verify_with=NumericExact())
invalid|a: int = VerifiedField(description="d", verify_with=NumericExact())
invalid|a: int = VerifiedField(description="d", ground_truth=012, verify_with=NumericExact())
invalid|a: int = Field(description="d")
invalid|  FIELD\n   FIELD
CASES
}

@test "template: a class that stands among other statements would have to be executed" {
    local class='class Answer(BaseAnswer):
    a: int = VerifiedField("d", 1, NumericExact())'
    for source in "@decorate
$class" "if True:
    class Answer(BaseAnswer): pass" "from karenina.schemas.entities import BaseAnswer as Base
${class/BaseAnswer/Base}" "${class/BaseAnswer/BaseAnswer, extra=1}" "print(1)
$class"; do
        echo "$source"
        run read_template "$source"
        assert_success
        assert_equal "$(jq -r .outcome <<<"$output")" code
    done
}

@test "template: a TemplateSpec with a key too many, or one too few, is refused with the path to it" {
    local good='{"fields":[{"name":"a","type":"str","description":"d","ground_truth":"x","verify_with":{"type":"ExactMatch"}}]}'
    while IFS='|' read -r edit want; do
        echo "$edit"
        run bash -c "jq -c '{source: ($edit)}' <<<'$good' | kvtest template | jq -r '.outcome, .error'"
        assert_line -n 0 invalid
        assert_line -n 1 "TemplateSpec: $want"
    done <<'CASES'
.x = 1|x: unknown key: known are fields, verify_strategy, class_name
.clas_name = "A"|clas_name: unknown key: nearest is class_name; known are fields, verify_strategy, class_name
del(.fields)|fields: is required
.fields = []|fields: must be an array of at least one field
.fields[0].typ = 1|fields[0].typ: unknown key: nearest is type; known are name, type, description, extraction_hint, ground_truth, literal_values, verify_with, weight, is_trace
del(.fields[0].ground_truth)|fields[0].ground_truth: is required
del(.fields[0].description)|fields[0].description: is required
.fields[0].type = "dict"|fields[0].type: unknown type 'dict': known are bool, str, int, float, list_str, literal, date
.fields[0].type = "literal"|fields[0].literal_values: is required for the type literal
.fields[0].verify_with.type = "Exact"|fields[0].verify_with.type: unknown primitive 'Exact': nearest is ExactMatch; known are BooleanMatch, ExactMatch, ContainsAny, ContainsAll, RegexMatch, SemanticMatch, NumericExact, NumericTolerance, NumericRange, NumericMinimum, NumericMaximum, NumericGraded, NumericRangeGraded, NumericThresholdGraded, SetContainment, OrderedMatch, LiteralMatch, DateMatch, DateTolerance, DateRange, TraceRegex, TraceContains, TraceLength, Jq
.fields[0].verify_with = {"type":"NumericGraded","cutoff":0}|fields[0].verify_with: NumericGraded: cutoff must be > 0
.fields[0].verify_with = {"type":"TraceLength"}|fields[0].type: a field checked on the trace must be bool
.fields += .fields|fields[1].name: appears twice
.verify_strategy = {"type":"none"}|verify_strategy.type: unknown type 'none': known are all_of, any_of, at_least_n, field_check
.verify_strategy = {"type":"at_least_n"}|verify_strategy.n: a whole number is required
.verify_strategy = {"type":"any_of","conditions":[{"type":"field_check","field":"a"}]}|verify_strategy.conditions[0].field: unknown key: nearest is field_name; known are type, n, field_name, conditions (and 1 more)
CASES
}

@test "template: outside a scenario a conditional ground truth is its default" {
    run read_template 'class Answer(BaseAnswer):
    a: int = VerifiedField(description="d", ground_truth=ConditionalGroundTruth(source="n", cases=[GroundTruthCase(when="x", value=1)], default=7), verify_with=NumericExact())'
    assert_success
    assert_equal "$(jq -c .ground_truth <<<"$output")" '{"a":7}'
}

@test "template: an integer has as many digits as Python reads" {
    local digits source='class Answer(BaseAnswer):
    a: int = VerifiedField("d", N, NumericExact())'
    digits=$(printf '7%.0s' {1..4300})
    run read_template "${source/N/$digits}"
    assert_equal "$(jq -r .outcome <<<"$output")" ok
    run read_template "${source/N/-${digits}_7}"
    assert_equal "$(jq -r .outcome <<<"$output")" invalid
    assert_output --partial 'Exceeds the limit (4300 digits) for integer string conversion'
}

@test "template: hostile text is refused, never a crash" {
    local deep
    deep=$(printf '(%.0s' $(seq 5000))
    for source in "$deep" "$(printf '[%.0s' $(seq 5000))" 'class' 'class A(' 'class A(BaseAnswer):' "'" '"""' \
        '\' '0x' '1__0' '@' 'a: ' 'class A(BaseAnswer):
    a: str = "\N{NO SUCH NAME}"' 'class A(A):
    pass' "$(printf 'class A%d(BaseAnswer): pass\n' $(seq 100))" '{"fields":' '{}' '{'; do
        run read_template "$source"
        assert_success
        assert_output --partial '"outcome":"'
        refute_output --partial '"outcome":"ok"'
    done
}
