#!/usr/bin/env bash
# Every static check, one after the other; reports all failures, not only the first.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=()

check() { # name command...
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok      $name"
    else
        echo "FAILED  $name: $*"
        printf '%s\n' "$output"
        failed+=("$name")
    fi
}

# What v1 was when it was last released; before the first release, the base is main.
breaking_base() {
    git describe --tags --abbrev=0 --match 'v*' 2>/dev/null && return
    for ref in origin/main main; do
        if [ -n "$(git ls-tree --name-only "$ref" protos 2>/dev/null)" ]; then echo "$ref"; return; fi
    done
}

check "ruff" ruff check .
check "format" ruff format --check .
check "types" mypy
check "imports" lint-imports
check "buf lint" buf lint
base=$(breaking_base)
if [ -n "$base" ]; then
    check "buf breaking" buf breaking --against ".git#ref=$base"
else
    echo "skipped buf breaking: no released version of protos/ to compare with"
fi
check "stubs" python tools/generate_stubs.py --check
check "facts" python tools/generate_facts.py --check

if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]}"
    exit 1
fi
