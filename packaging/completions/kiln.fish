# SPDX-License-Identifier: Apache-2.0
#
# Completion of kiln and kiln-image in fish. Verbs and options are asked of the
# program itself, by --help: they are those of the program that is there.

# Verbs of a program, with their texts.
function __kiln_verbs
    $argv[1] --help 2>/dev/null |
        string replace -rf '^  ([a-z][a-z-]*) +(.*)' '$1\t$2'
end

# Options of a program, or of its verb, with their texts.
function __kiln_options
    $argv --help 2>/dev/null |
        string replace -rf '^ {2,6}(?:-[A-Za-z], )?(--[a-z0-9-]+)(?:[ =][^ ]+)?(?: +(.*))?$' '$1\t$2'
end

# The verb on the command line; options before it may have values.
function __kiln_verb
    set -l words (commandline -opc)
    set -l with_value ($words[1] --help 2>/dev/null |
        string replace -rf '^ {2,6}(?:-[A-Za-z], )?(--[a-z0-9-]+)[ =][^ ].*' '$1')
    set -l skip
    for word in $words[2..-1]
        if test -n "$skip"
            set skip
        else if contains -- $word $with_value
            set skip yes
        else if not string match -q -- '-*' $word
            echo $word
            return
        end
    end
    return 1
end

function __kiln_complete
    set -l program (commandline -opc)[1]
    set -l verb (__kiln_verb)
    if string match -q -- '-*' (commandline -ct)
        __kiln_options $program $verb
    else if test -z "$verb"
        __kiln_verbs $program
    else
        switch ($program $verb --help 2>/dev/null)[1]
            case '* ID*'
                $program list -q 2>/dev/null
            case '*ARCH*'
                printf '%s\n' x86_64 aarch64 s390x ppc64le
            case '*VERB*'
                __kiln_verbs $program
            case '*FILE*' '*OPTION*'
                __fish_complete_path (commandline -ct)
        end
    end
end

for program in kiln kiln-image
    complete -c $program -f -a '(__kiln_complete)'
end
