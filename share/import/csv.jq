# csv.jq - a table with a header line, as records. RFC 4180, with a comma, semicolon or tab between.
#
# The text is cut at its quotation marks: pieces at odd places were quoted, and an empty piece
# between two of those is a doubled mark.

def csv_rows($separator):
  split("\"") as $pieces
  | foreach (range($pieces | length), null) as $i ({row: [], cell: "", out: []};
      .out = []
      | if $i == null then
          if .row == [] and .cell == "" then . else .out = [.row + [.cell]] end
        elif $i % 2 == 1 then .cell += $pieces[$i]
        elif $pieces[$i] == "" and $i > 0 and $i < ($pieces | length) - 1 then .cell += "\""
        else
          reduce (($pieces[$i] | gsub("\r\n"; "\n") | split("\n")) | to_entries[]) as $line (.;
            (if $line.key > 0 then .out += [.row + [.cell]] | .row = [] | .cell = "" else . end)
            | reduce (($line.value | split($separator)) | to_entries[]) as $part (.;
                (if $part.key > 0 then .row += [.cell] | .cell = "" else . end)
                | .cell += $part.value))
        end;
      .out[])
  | select(. != [""]);

def csv_separator: split("\n")[0] | if test("\t") then "\t" elif test(",") then "," elif test(";") then ";" else "," end;

def csv:
  ltrimstr("\ufeff")
  | [csv_rows(csv_separator)] as $rows
  | ($rows[0] // error("the table is empty") | map(gsub("^\\s+|\\s+$"; ""))) as $names
  | $rows[1:][] | . as $row
  | [range($names | length) as $i | {key: $names[$i], value: ($row[$i] // "")}] | from_entries;
