# snippets — the code of a Markdown page, as files:  awk -v to=DIRECTORY -f snippets.awk PAGE…
#
# A fence opened by "```c NAME" is written to DIRECTORY/NAME; fences of the same name follow each other in one
# file. "```text NAME" holds what a program prints and goes to DIRECTORY/NAME too. A C fence without a name is an
# error: no code stands on a page untried.

function complain(what) {
    print FILENAME ":" FNR ": " what >"/dev/stderr"
    wrong = 1
}

FNR == 1 && name != "" { complain("the page before ends inside a fence"); name = "" }

/^```/ && name != "" { name = ""; next }

/^```/ {
    split(substr($0, 4), word, " ")
    if (word[1] == "c" && word[2] == "") complain("C code without a name")
    name = (word[1] == "c" || word[1] == "text") && word[2] != "" ? to "/" word[2] : "-"
    next
}

name != "" && name != "-" { print >name }

END { exit wrong }
