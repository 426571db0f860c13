# schema.jq - does a value satisfy a JSON Schema? As much of draft 2020-12 as share/schema uses; a
# keyword it does not know is an error, so that none is passed over.
#
#     jq --slurpfile schema FILE -L tests 'include "schema"; wrong($schema[0])' VALUES
#
# prints a line for each thing that is wrong.
def known: ["$schema", "$defs", "$ref", "title", "description", "default", "type", "enum", "const", "properties",
  "required", "additionalProperties", "items", "anyOf", "if", "then", "else", "minimum", "exclusiveMinimum",
  "maximum", "minItems", "maxItems", "minLength", "minProperties", "maxProperties"];
def kind: type as $t | if $t == "number" and . == floor then ["integer", "number"] else [$t] end;

def wrong($root; $schema; $at):
  . as $v
  | def all($s; $where): wrong($root; $s; $where);
    (($schema | keys) - known | select(. != []) | error("keywords that are not known: \(.)")),
    if $schema["$ref"] then all($root["$defs"][$schema["$ref"] | ltrimstr("#/$defs/")]; $at) else empty end,
    if $schema.type then
      if ([$schema.type] | flatten) - ([$schema.type] | flatten - ($v | kind)) == [] then "\($at): not of type \($schema.type)" else empty end
    else empty end,
    if $schema.enum and ($schema.enum | index([$v]) | not) then "\($at): none of \($schema.enum)" else empty end,
    if ($schema | has("const")) and $schema.const != $v then "\($at): not \($schema.const)" else empty end,
    if $schema.anyOf and ([$schema.anyOf[] as $s | [all($s; $at)] | length == 0] | any | not) then "\($at): none of its forms" else empty end,
    if $schema.if then (if [all($schema.if; $at)] == [] then $schema.then else $schema.else end) as $s | all($s; $at) else empty end,
    if ($v | type) == "object" then
      (($schema.required // [])[] as $k | select($v | has($k) | not) | "\($at): lacks \($k)"),
      ($v | to_entries[] | .key as $k | .value |
        if $schema.properties[$k] then all($schema.properties[$k]; "\($at).\($k)")
        elif $schema.additionalProperties == false then "\($at).\($k): unknown"
        elif $schema.additionalProperties | type == "object" then all($schema.additionalProperties; "\($at).\($k)")
        else empty end),
      if $schema.minProperties and ($v | length) < $schema.minProperties or ($schema.maxProperties and ($v | length) > $schema.maxProperties) then "\($at): has \($v | length) members" else empty end
    else empty end,
    if ($v | type) == "array" then
      (range($v | length) as $i | $v[$i] | if $schema.items then all($schema.items; "\($at)[\($i)]") else empty end),
      if ($schema.minItems and ($v | length) < $schema.minItems) or ($schema.maxItems and ($v | length) > $schema.maxItems) then "\($at): has \($v | length) items" else empty end
    else empty end,
    if ($v | type) == "number" then
      if ($schema.minimum and $v < $schema.minimum) or ($schema.maximum and $v > $schema.maximum)
        or ($schema.exclusiveMinimum and $v <= $schema.exclusiveMinimum) then "\($at): out of range" else empty end
    else empty end,
    if ($v | type) == "string" and $schema.minLength and ($v | length) < $schema.minLength then "\($at): too short" else empty end;
def wrong($schema): wrong($schema; $schema; "");
