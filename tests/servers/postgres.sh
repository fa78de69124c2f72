# PostgreSQL.

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
