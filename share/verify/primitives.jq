# primitives.jq - what each primitive says of one field.
#
# Input: the facts of a field (README). Output of each: [passed, credit]. To jq nan is smaller than
# every number, to everybody else it compares with nothing: hence le and lt.

def le($a; $b): ($a | isnan | not) and ($b | isnan | not) and $a <= $b;
def lt($a; $b): ($a | isnan | not) and ($b | isnan | not) and $a < $b;
def eq($a; $b): le($a; $b) and $a == $b;

# Full credit or none.
def verdict: [., if . then 1 else 0 end];

# Credit that falls from 1 at no distance to 0 at `width`.
def falling($distance; $width; $decay):
  if $width == 0 or le($width; $distance) then 0
  else ($distance / $width) as $r | if $decay == "quadratic" then 1 - $r * $r else 1 - $r end
  end;

# What is no number is within no range.
def within($v; $p):
  ($v | isnan | not)
  and ($p.min == null or (if $p.exclusive_min then le($v; $p.min) else lt($v; $p.min) end | not))
  and ($p.max == null or (if $p.exclusive_max then le($p.max; $v) else lt($p.max; $v) end | not));

# ---- truth, text, sets ----

def boolean_match: .x == .e; # null only to null

def set_containment:
  (.x | unique) as $x | (.e | unique) as $e | ($x - ($x - $e) | length) as $common
  | if .p.mode == "exact" then $common == ($x | length) and $common == ($e | length)
    elif .p.mode == "subset" then $common == ($x | length)
    elif .p.mode == "superset" then $common == ($e | length)
    elif .p.mode == "overlap" then
      $common >= (if (.p.min_overlap // 0) == 0 then 1 else .p.min_overlap end)
    else error("Unknown mode: '\(.p.mode)'")
    end;

def ordered_match: .x.length == .e.length and .x.items == .e.items;

def literal_match: .x != null and .x == .e;

# ---- numbers ----

# Relative to the ground truth; null where that is 0 and the value is not.
def relative_distance:
  if .e == 0 then (if .x == 0 then 0 else null end) else (.x - .e | fabs) / (.e | fabs) end;

def numeric_tolerance:
  (.x - .e | fabs) as $d
  | if .p.mode == "absolute" then le($d; .p.tolerance)
    elif .e == 0 then eq($d; 0)
    else le($d / (.e | fabs); .p.tolerance)
    end;

def numeric_minimum: if .p.exclusive then lt(.e; .x) else le(.e; .x) end;
def numeric_maximum: if .p.exclusive then lt(.x; .e) else le(.x; .e) end;

def numeric_graded:
  .p as $p | (if $p.mode == "relative" then relative_distance else (.x - .e | fabs) end) as $d
  | ($p.full_credit // 0) as $inner
  | if $d == null then [false, 0]
    else [
      le($d; $p.full_credit // $p.cutoff),
      if le($d; $inner) then 1 else falling($d - $inner; $p.cutoff - $inner; $p.decay) end
    ]
    end;

def numeric_range_graded:
  .p as $p | .x as $v
  | (if $p.mode == "relative" then $p.margin * ($p.max - $p.min) else $p.margin end) as $shoulder
  | [
      within($v; $p),
      if le($p.min; $v) and le($v; $p.max) then 1
      else falling(if lt($v; $p.min) then $p.min - $v else $v - $p.max end; $shoulder; $p.decay)
      end
    ];

def numeric_threshold_graded:
  .p as $p
  | (if $p.direction == "max" then [.x, .e] else [.e, .x] end) as [$low, $high]
  | (if $p.mode == "relative" then $p.margin * (.e | fabs) else $p.margin end) as $shoulder
  | [
      if $p.exclusive then lt($low; $high) else le($low; $high) end,
      if le($low; $high) then 1 else falling($low - $high; $shoulder; $p.decay) end
    ];

# ---- dates ----

def date_match: .x != null and .x == .e;

# $a - $b in microseconds, null if only one of them has a zone.
def apart($a; $b):
  if $a == null or $b == null or $a.zoned != $b.zoned then null
  else ($a.s - $b.s) * 1000000 + ($a.us - $b.us)
  end;

def date_tolerance:
  {days: 86400000000, hours: 3600000000, minutes: 60000000}[.p.unit] as $unit
  | .p.tolerance as $tolerance
  | apart(.x; .e)
  | . != null and fabs <= $tolerance * $unit;

def date_range:
  .x as $x
  | $x != null
    and (.p.min == null or (apart($x; .min) | . != null and . >= 0))
    and (.p.max == null or (apart($x; .max) | . != null and . <= 0));

# ---- on the trace: the result must be what the ground truth says ----

def trace_regex: if .p.count_min == null then .x > 0 else .x >= .p.count_min end;

def trace_length:
  (.p.min == null or .x >= .p.min) and (.p.max == null or .x <= .p.max);

# ---- a filter of the user's: a verdict, or a credit of which 1 passes ----

def filter_result:
  if .x | type == "boolean" then .x | verdict
  elif (.x | type == "number") and .x >= 0 and .x <= 1 then [.x == 1, .x]
  else error("Jq: the result must be true, false or a number from 0 to 1")
  end;

def primitive:
  .type as $t
  | if $t == "ExactMatch" then .x == .e | verdict
    elif $t == "BooleanMatch" then boolean_match | verdict
    elif $t == "NumericExact" then eq(.x; .e) | verdict
    elif $t == "NumericTolerance" then numeric_tolerance | verdict
    elif $t == "SetContainment" then set_containment | verdict
    elif $t == "LiteralMatch" then literal_match | verdict
    elif $t == "ContainsAny" then (.x | any) | verdict
    elif $t == "ContainsAll" then (.x | all) | verdict
    elif $t == "RegexMatch" then .x > 0 | verdict
    elif $t == "OrderedMatch" then ordered_match | verdict
    elif $t == "NumericRange" then within(.x; .p) | verdict
    elif $t == "NumericMinimum" then numeric_minimum | verdict
    elif $t == "NumericMaximum" then numeric_maximum | verdict
    elif $t == "NumericGraded" then numeric_graded
    elif $t == "NumericRangeGraded" then numeric_range_graded
    elif $t == "NumericThresholdGraded" then numeric_threshold_graded
    elif $t == "DateMatch" then date_match | verdict
    elif $t == "DateTolerance" then date_tolerance | verdict
    elif $t == "DateRange" then date_range | verdict
    elif $t == "TraceRegex" then trace_regex == .e | verdict
    elif $t == "TraceContains" then .x == .e | verdict
    elif $t == "TraceLength" then trace_length == .e | verdict
    elif $t == "Jq" then filter_result
    elif $t == "SemanticMatch" then
      error("SemanticMatch.check() requires embedding infrastructure. "
        + "Use the embedding_check pipeline stage instead.")
    else error("unknown primitive \($t)")
    end;
