# recorders — what the headers of wengert/ops say of each recorder, as lines of C for reference_recorders.c:
#   awk -f recorders.awk include/wengert/ops/*.h include/wengert/tape.h
#
# An entry holds the operation, the header's name, the declaration in one line, and as text: comments and
# declaration, and the options with the enums that they are made of.

# Recorders that are not called like their operation.
BEGIN {
    called["affine"] = "linear"; called["variance"] = "var"
    called["drop"] = "dropout"; called["drop1d"] = "dropout1d"; called["drop2d"] = "dropout2d"
    called["drop3d"] = "dropout3d"; called["drop_alpha"] = "alpha_dropout"
    called["drop_feature_alpha"] = "feature_alpha_dropout"
}

function quoted(text) {
    gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); gsub(/\n/, "\\n", text)
    return "\"" text "\""
}

function finish(   name, options, type) {
    sub(/^WG_API /, "", raw); gsub(/\n       /, "\n", raw)
    name = raw; sub(/\(.*/, "", name); sub(/.* \*?wg_/, "", name); sub(/_list$/, "", name)
    if (name in called) name = called[name]
    type = raw
    options = ""
    if (match(type, /wg_[a-z0-9_]*_options/)) options = struct[substr(type, RSTART, RLENGTH)]
    sub(/;.*/, "", type); gsub(/[ \n]+/, " ", type)
    family = FILENAME; sub(/.*\//, "", family); sub(/\.h$/, "", family)
    print "{" quoted(name) ", " quoted(family) ", " quoted(type) ",\n " quoted(comment raw) ",\n " quoted(options) "},"
    raw = ""
}

# Within a declaration, a comment, a struct or an enum: to its last line.
inside == "call" { raw = raw "\n" $0; if (/;/) { inside = ""; finish() }; next }
inside == "comment" { comment = comment $0 "\n"; if (/\*\//) inside = ""; next }
inside == "type" { raw = raw $0 "\n"; if (/^}/) { inside = ""; keep_type() }; next }

function keep_type(   name, each) {
    name = raw; sub(/;[^;]*$/, "", name); sub(/.*[ }]/, "", name)
    if (raw ~ /typedef enum/) {
        enum_name[++enums] = name; enum_text[enums] = comment raw
        comment = ""; raw = ""
        return
    }
    gsub(/ WG_DEFAULT_/, "", raw); sub(/ *WG_OPTIONS_HEAD;\n/, "", raw)
    struct[name] = comment raw
    for (each = enums; each; each--)
        if (index(raw, enum_name[each] " ")) struct[name] = enum_text[each] struct[name]
    comment = ""; raw = ""
}

/^$/ { comment = "" }
/^\/\*/ { comment = $0 "\n"; if (!/\*\//) inside = "comment" }
/^typedef (struct|enum) wg_.*\{/ { raw = $0 "\n"; if (/};?/ && /;/ && /}/) keep_type(); else inside = "type" }
/^WG_API wg_[a-z]+ wg_/ { raw = $0; if (/;/) finish(); else inside = "call" }
