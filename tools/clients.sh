#!/usr/bin/env bash
# Builds the clients in other languages with their example programs, each inside its own folder below clients/.
#
#   tools/clients.sh [go|typescript|java ...]     all three by default; a language whose tools are missing is skipped
#   tools/clients.sh --stubs                      generate the committed stubs (those of Go) again
#   tools/clients.sh --check-stubs                generate nothing; exit 1 if the committed stubs are out of date
#
# Needs Go 1.26, Node 20 with npm, Java 17 with Maven 3.8. A first build downloads from the languages' own registries
# (Go 50 s, Node 10 s, Java 20 s); later ones take seconds. Two runs at a time do not disturb each other.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
LOCKS=${XDG_CACHE_HOME:-$HOME/.cache}/trunkline
BUF=$ROOT/.venv/bin/buf
STUBS=(types router admin worker)

build_go() { go -C "$ROOT/clients/go" build -o bin/ ./...; }

build_typescript() {
    cd "$ROOT/clients/typescript"
    [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error >/dev/null
    npm run --silent build
}

build_java() { mvn --batch-mode --quiet --no-transfer-progress --file "$ROOT/clients/java/pom.xml" compile; }

tools_of() {
    case $1 in
        go) echo go ;;
        typescript) echo "node npm" ;;
        java) echo "javac mvn" ;;
        *)
            echo "unknown language '$1': go, typescript, java" >&2
            return 2
            ;;
    esac
}

build() {
    local language=$1 tool tools started=$SECONDS
    tools=$(tools_of "$language")
    for tool in $tools; do
        if ! command -v "$tool" >/dev/null; then
            echo "$language: skipped, because $tool is not installed"
            return
        fi
    done
    mkdir -p "$LOCKS"
    (flock 9 && "build_$language") 9>"$LOCKS/.client-$language.lock"
    echo "$language: clients/$language ($((SECONDS - started)) s)"
}

generate_stubs() { # folder
    cd "$ROOT/clients/go"
    "$BUF" generate ../../protos --output "$1"
}

replace_stubs() {
    local fresh folder
    if ! command -v go >/dev/null; then
        echo "stubs of Go: skipped, because go is not installed; generate them before you commit" >&2
        return
    fi
    fresh=$(mktemp -d)
    generate_stubs "$fresh"
    for folder in "${STUBS[@]}"; do
        rm -rf "$ROOT/clients/go/$folder"
        mv "$fresh/$folder" "$ROOT/clients/go/"
    done
    rm -rf "$fresh"
}

check_stubs() {
    local fresh folder status=0
    fresh=$(mktemp -d)
    generate_stubs "$fresh"
    for folder in "${STUBS[@]}"; do
        diff --recursive --brief "$fresh/$folder" "$ROOT/clients/go/$folder" || status=1
    done
    rm -rf "$fresh"
    [ "$status" -eq 0 ] || echo "The committed stubs of Go are not what protos/ says. Run: make protos" >&2
    return "$status"
}

case ${1:-} in
    --stubs) replace_stubs ;;
    --check-stubs) check_stubs ;;
    *)
        [ $# -gt 0 ] || set -- go typescript java
        for language in "$@"; do build "$language"; done
        ;;
esac
