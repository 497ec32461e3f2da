#!/usr/bin/env bash
# Installs the real components that tests run against, building only what is missing.
#
#   tools/components.sh [item...]      items: jaeger ollama grpcurl model redis postgres; the first four by default
#   tools/components.sh --list         say what is there and what is not
#
# Binaries go to ${TRUNKLINE_COMPONENTS:-${XDG_CACHE_HOME:-~/.cache}/trunkline}/bin, the model to its sibling models/.
# Needs Go 1.24 or later and a C++ compiler (jaeger 140 s, ollama 125 s, grpcurl 30 s when cold), and apt-get as root
# for redis and postgres. Two runs at a time do not disturb each other.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/.." && pwd)
CACHE=${TRUNKLINE_COMPONENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/trunkline}
BIN=$CACHE/bin
MODELS=$CACHE/models
PYTHON=${PYTHON:-$ROOT/.venv/bin/python}
DEFAULT_ITEMS=(jaeger ollama grpcurl model)

export GOFLAGS="-trimpath -buildvcs=false" CGO_ENABLED=1

JAEGER_MODULE=github.com/jaegertracing/jaeger JAEGER_VERSION=v1.76.0
OLLAMA_MODULE=github.com/ollama/ollama OLLAMA_VERSION=v0.11.4  # later tags miss vendored headers
GRPCURL_MODULE=github.com/fullstorydev/grpcurl/cmd/grpcurl GRPCURL_VERSION=v1.9.4

# Each build_X writes into the folder $1; what it leaves there is moved into place whole.

build_jaeger() {
    # A module with replace directives cannot be `go install`ed: build it inside the module cache.
    local source
    source=$(cd / && go mod download -json "$JAEGER_MODULE@$JAEGER_VERSION" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["Dir"])')
    GOWORK=off go -C "$source" build -ldflags="-s -w" -o "$1/jaeger-all-in-one" ./cmd/all-in-one
}

build_ollama() {
    GOBIN=$1 go install -ldflags="-s -w -X=$OLLAMA_MODULE/version.Version=${OLLAMA_VERSION#v}" "$OLLAMA_MODULE@$OLLAMA_VERSION"
}

build_grpcurl() {
    GOBIN=$1 go install -ldflags="-s -w" "$GRPCURL_MODULE@$GRPCURL_VERSION"
}

build_model() {
    "$PYTHON" -c 'import gguf, numpy' 2>/dev/null || "$PYTHON" -m pip install -q -r "$ROOT/tools/components/requirements.txt"
    "$PYTHON" "$ROOT/tools/make_tiny_gguf.py" "$1/tiny.gguf"
}

build_redis() { apt_install redis-server; }
build_postgres() { apt_install postgresql-15; }

apt_install() {
    if [ "$(id -u)" -ne 0 ]; then
        echo "run as root: apt-get install -y --no-install-recommends $1" >&2
        return 1
    fi
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$1"
}

target_of() { # item -> the file that says it is installed
    case $1 in
        jaeger) echo "$BIN/jaeger-all-in-one" ;;
        ollama | grpcurl) echo "$BIN/$1" ;;
        model) echo "$MODELS/tiny.gguf" ;;
        redis) command -v redis-server || echo /usr/bin/redis-server ;;
        postgres) echo /usr/lib/postgresql/15/bin/postgres ;;
        *)
            echo "unknown component '$1': jaeger, ollama, grpcurl, model, redis, postgres" >&2
            return 2
            ;;
    esac
}

needs_go() { case $1 in jaeger | ollama | grpcurl) return 0 ;; *) return 1 ;; esac; }

install_item() {
    local item=$1 target started scratch
    target=$(target_of "$item")
    if [ -e "$target" ]; then
        echo "$item: $target"
        return
    fi
    if needs_go "$item" && ! command -v go >/dev/null; then
        echo "$item: needs Go 1.24 or later, which is not installed (https://go.dev/doc/install)" >&2
        return 1
    fi
    echo "$item: building ..."
    started=$SECONDS
    scratch=$(mktemp -d "$CACHE/build-$item.XXXXXX")
    if ! "build_$item" "$scratch" >"$CACHE/$item.log" 2>&1; then
        tail -n 20 "$CACHE/$item.log" >&2
        rm -rf "$scratch"
        echo "$item: failed; the whole log is $CACHE/$item.log" >&2
        return 1
    fi
    find "$scratch" -type f -exec mv {} "$(dirname "$target")/" \;
    rm -rf "$scratch"
    echo "$item: $target ($((SECONDS - started)) s)"
}

list_items() {
    local item target
    for item in jaeger ollama grpcurl model redis postgres; do
        target=$(target_of "$item")
        if [ -e "$target" ]; then echo "$item: $target"; else echo "$item: missing"; fi
    done
}

main() {
    local item status=0
    if [ "${1:-}" = --list ]; then
        list_items
        return
    fi
    mkdir -p "$BIN" "$MODELS"
    for item in "${@:-${DEFAULT_ITEMS[@]}}"; do
        target_of "$item" >/dev/null
        (
            flock 9
            install_item "$item"
        ) 9>"$CACHE/.$item.lock" || status=1
    done
    return "$status"
}

main "$@"
